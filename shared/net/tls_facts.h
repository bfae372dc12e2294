// OpensslFacts: what OpenSSL knows of a handshake beyond TlsInfo. A member of the session whose SSL object
// it reads.
#pragma once

#include "shared/net/tls_info.h"

struct ssl_st;

namespace apisix::net {

class OpensslFacts final : public TlsFacts {
 public:
  explicit OpensslFacts(ssl_st* ssl) : ssl_(ssl) {}

  std::string session_id() const override;
  bool is_early() const override;
  std::string curve() const override;
  std::string client_curves() const override;
  std::string client_ciphers() const override;

 private:
  ssl_st* const ssl_;
};

}  // namespace apisix::net
