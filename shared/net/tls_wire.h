// TlsWire: the way of a TlsSession's records to the socket and back: plain calls on its descriptor, or those
// of the transport that owns the session (divert()). A member of the session.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "shared/net/socket.h"

namespace apisix::net {

class TlsWire {
 public:
  // As read_some() and write_some().
  struct Calls {
    IoResult (*receive)(void* context, std::span<char> into);
    IoResult (*send)(void* context, std::string_view records);
  };

  explicit TlsWire(int fd) : fd_(fd) {}
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // From here on; `calls` stays where it is.
  void divert(const Calls& calls, void* context) {
    calls_ = &calls;
    context_ = context;
  }

  // --- for the transport that diverts it: records that leave with a turn's batch
  struct Batched {
    // The owner's, for what the batch left over.
    void (*on_unsent)(void* context, std::string_view rest, int error_number) = nullptr;
    std::uint32_t content_bytes = 0;  // in the records that are queued, at least
    // So many bytes at the front of what the transport's owner writes next are records already.
    std::uint32_t sealed_bytes = 0;
    bool may_queue = false;  // records of a write, not those that TLS sends by itself
  };
  Batched& batched() { return batched_; }

  // --- for the session
  // Until the next call of this it receives once, or as often as it is asked. What one receive leaves in the
  // socket comes with an event: asking again costs a system call that mostly finds nothing.
  void limit_receives(bool on) {
    is_limited_ = on;
    is_spent_ = false;
  }
  IoResult receive(std::span<char> into);
  IoResult send(std::string_view records) const;
  // The last receive() found the peer's end.
  bool is_at_end() const { return is_at_end_; }

 private:
  const Calls* calls_ = nullptr;  // null: plain calls
  void* context_ = nullptr;
  Batched batched_;
  const int fd_;
  bool is_limited_ = false;
  bool is_spent_ = false;
  bool is_at_end_ = false;
};

}  // namespace apisix::net
