// Ring: the same system call for many sockets, in one (io_uring). The only file that knows liburing. Made by
// the process that uses it, after its fork: no child and no program that it starts has it.
//
// Invariant: when receive() or send() returns, the kernel is done with every call: none of them waits, so no
// buffer is lent to the kernel beyond the call, and a descriptor may be closed at any time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>

#include "shared/base/result.h"

struct io_uring;

namespace apisix::event {

class Ring {
 public:
  static constexpr std::size_t kCallsMax = 256;
  // What a call says that the kernel never began: it may be made without the ring.
  static constexpr std::int32_t kNotMade = INT32_MIN;

  struct Call {
    int fd;
    std::uint32_t bytes;
    char* data;
    std::int32_t result = kNotMade;  // bytes, or a negative errno
  };

  // Or the errno that says why there is none: ENOSYS (an old kernel), EPERM (a filter of system calls, a
  // sysctl), ENOMEM (a limit on locked memory).
  static std::expected<std::unique_ptr<Ring>, int> open();
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // At most kCallsMax, in their order. Not done: the ring is of no use any more, some are kNotMade.
  base::Status receive(std::span<Call> calls);
  base::Status send(std::span<Call> calls);

 private:
  explicit Ring(std::unique_ptr<io_uring> ring);
  base::Status make(std::span<Call> calls);
  bool take_results(std::span<Call> calls, std::size_t& open);

  const std::unique_ptr<io_uring> ring_;
};

}  // namespace apisix::event
