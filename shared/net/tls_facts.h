// OpensslFacts: what OpenSSL knows of a handshake beyond TlsInfo. A member of the session whose SSL object
// it reads.
#pragma once

#include <openssl/ssl.h>

#include "shared/net/tls_info.h"

namespace apisix::net {

class OpensslFacts final : public TlsFacts {
 public:
  explicit OpensslFacts(SSL* ssl) : ssl_(ssl) {}

  std::string session_id() const override;
  bool is_resumed() const override;
  bool is_early() const override;
  std::string curve() const override;
  std::string client_curves() const override;
  std::string client_ciphers() const override;
  std::string_view verify_error() const override;

 private:
  SSL* const ssl_;
};

}  // namespace apisix::net
