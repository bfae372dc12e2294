// OpensslSession: a TlsSession of OpenSSL, for either side: the SSL object it is made of says which. No type
// of OpenSSL but by name: what includes this needs none of its headers.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "shared/net/tls_facts.h"
#include "shared/net/tls_session.h"

struct ssl_st;

namespace apisix::net {

// What OpenSSL says of its last failure, behind what it was `doing`; takes it out of its queue.
std::string last_tls_error(const std::string& doing);

class OpensslSession : public TlsSession {
 public:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  using Ssl = std::unique_ptr<ssl_st, Free>;

  // `ssl`: with its descriptor and its state (connect or accept) set, and the modes ENABLE_PARTIAL_WRITE and
  // ACCEPT_MOVING_WRITE_BUFFER.
  explicit OpensslSession(Ssl ssl) : ssl_(std::move(ssl)) {}

  IoResult handshake() override;
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  // Half a record is nothing that a read would return: its rest comes with an event.
  bool has_pending() const override;
  bool wants_write() const override { return wants_write_; }
  void shutdown() override;
  const TlsInfo& info() override;
  std::string_view error() const override { return error_; }

 protected:
  ssl_st& ssl() const { return *ssl_; }

 private:
  IoResult result_of(int returned);

  Ssl ssl_;
  bool wants_write_ = false;
  bool is_drained_ = false;  // by the last read: it wanted more from the descriptor
  bool is_broken_ = false;   // after a fatal error nothing may be sent any more
  bool has_info_ = false;
  OpensslFacts facts_{ssl_.get()};
  TlsInfo info_;
  std::string peer_certificate_;
  std::string verify_failure_;
  std::string error_;
};

}  // namespace apisix::net
