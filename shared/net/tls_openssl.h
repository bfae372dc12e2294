// OpensslSession: a TlsSession of OpenSSL, for either side: the SSL object it is made of says which.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include "shared/net/tls_session.h"

namespace apisix::net {

// What OpenSSL says of its last failure, behind what it was `doing`; takes it out of its queue.
std::string last_tls_error(const std::string& doing);

class OpensslSession final : public TlsSession {
 public:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  using Ssl = std::unique_ptr<SSL, Free>;

  // `ssl`: with its descriptor and its state (connect or accept) set, and the modes ENABLE_PARTIAL_WRITE and
  // ACCEPT_MOVING_WRITE_BUFFER.
  explicit OpensslSession(Ssl ssl) : ssl_(std::move(ssl)) {}

  IoResult handshake() override;
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  // Half a record is nothing that a read would return: its rest comes with an event.
  bool has_pending() const override { return !is_drained_ && SSL_has_pending(ssl_.get()) == 1; }
  bool wants_write() const override { return wants_write_; }
  void shutdown() override;
  const TlsInfo& info() override;
  std::string_view error() const override { return error_; }

 private:
  IoResult result_of(int returned);

  Ssl ssl_;
  bool wants_write_ = false;
  bool is_drained_ = false;  // by the last read: it wanted more from the descriptor
  bool is_broken_ = false;   // after a fatal error nothing may be sent any more
  bool has_info_ = false;
  TlsInfo info_;
  std::string peer_certificate_;
  std::string error_;
};

}  // namespace apisix::net
