// TlsWire: the way of a TlsSession's records to the socket and back: plain calls on its descriptor, or those
// of the transport that owns the session (divert()). A member of the session.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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
  // It receives nothing until the next call of this: who has something looks for more in what is here, and
  // what the socket has comes with an event.
  void hold_receives(bool on) { is_held_ = on; }
  IoResult receive(std::span<char> into);
  // All or part of them. With keep_rest(true): all of them, what the socket does not take is kept, and comes
  // before anything else.
  IoResult send(std::string_view records);
  void keep_rest(bool on) { keeps_rest_ = on; }
  bool has_rest() const { return rest_ != nullptr; }
  // kDone: there is none any more.
  IoResult send_rest();
  // The last receive() found the peer's end.
  bool is_at_end() const { return is_at_end_; }

 private:
  IoResult send_now(std::string_view records) const;

  const Calls* calls_ = nullptr;  // null: plain calls
  void* context_ = nullptr;
  Batched batched_;
  std::unique_ptr<std::string> rest_;  // null: none
  const int fd_;
  bool is_held_ = false;
  bool keeps_rest_ = false;
  bool is_at_end_ = false;
};

}  // namespace apisix::net
