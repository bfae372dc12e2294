// OpensslSession: a TlsSession of OpenSSL, for either side: the SSL object it is made of says which. No type
// of OpenSSL but by name: what includes this needs none of its headers.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "shared/net/tls_facts.h"
#include "shared/net/tls_session.h"

struct ssl_st;
struct x509_st;

namespace apisix::net {

// What OpenSSL says of its last failure, behind what it was `doing`; takes it out of its queue.
std::string last_tls_error(const std::string& doing);

class OpensslSession : public TlsSession {
 public:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  using Ssl = std::unique_ptr<ssl_st, Free>;

  // `ssl`: with its state (connect or accept) set, and the modes ENABLE_PARTIAL_WRITE and
  // ACCEPT_MOVING_WRITE_BUFFER. On the connected `fd`.
  OpensslSession(Ssl ssl, int fd);

  IoResult handshake() override;
  // All records that are here, as far as they are whole.
  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> pieces) override;
  // Half a record is nothing that a read would return: its rest comes with an event.
  bool has_pending() const override { return has_more_; }
  bool wants_write() const override { return wants_write_; }
  void shutdown() override;
  const TlsInfo& info() override;
  std::string_view error() const override { return texts_ ? texts_->error : std::string_view(); }
  TlsWire& wire() override { return wire_; }

 protected:
  ssl_st& ssl() const { return *ssl_; }

 private:
  // What most sessions do not have: an idle one is small.
  struct Texts {
    std::string peer_certificate;
    std::string verify_failure;
    std::string error;
  };

  IoResult result_of(int returned);
  void note_peer(x509_st& certificate);
  Texts& texts();

  TlsWire wire_;  // outlives its BIO
  Ssl ssl_;
  bool wants_write_ = false;
  bool has_more_ = false;   // the handshake or last read left records, or what came of the one behind them
  bool is_broken_ = false;  // after a fatal error nothing may be sent any more
  bool has_info_ = false;
  std::size_t sealed_bytes_ = 0;  // of content that was not said to be taken: its record waits in the wire
  IoResult failure_;              // of a read that returned records first: its end or error
  OpensslFacts facts_{ssl_.get()};
  TlsInfo info_;
  std::unique_ptr<Texts> texts_;
};

}  // namespace apisix::net
