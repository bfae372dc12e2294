// A server of TLS for tests, with a certificate of its own for one name, made anew.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include "shared/net/tls_openssl.h"
#include "tests/fakes/made_certificate.h"

namespace apisix::net {

class TlsNode {
 public:
  explicit TlsNode(const std::string& name) : made_({.name = name}) {
    SSL_CTX_use_certificate(context_, made_.certificate());
    SSL_CTX_use_PrivateKey(context_, made_.key());
    SSL_CTX_set_read_ahead(context_, 1);  // as the gateway's
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  ~TlsNode() { SSL_CTX_free(context_); }

  // On a connected descriptor.
  std::unique_ptr<TlsSession> session(int fd) {
    OpensslSession::Ssl ssl(SSL_new(context_));
    SSL_set_accept_state(ssl.get());
    last_ = ssl.get();
    return std::make_unique<OpensslSession>(std::move(ssl), fd);
  }

  // The last session; while it lives.
  bool has_resumed() const { return SSL_session_reused(last_) == 1; }
  void choose_alpn(const char* name) {
    chosen_alpn_ = name;
    SSL_CTX_set_alpn_select_cb(
        context_,
        [](SSL*, const unsigned char** out, unsigned char* bytes, const unsigned char*, unsigned,
           void* self) {
          const std::string& chosen = static_cast<TlsNode*>(self)->chosen_alpn_;
          *out = reinterpret_cast<const unsigned char*>(chosen.data());
          *bytes = static_cast<unsigned char>(chosen.size());
          return SSL_TLSEXT_ERR_OK;
        },
        this);
  }
  void allow_only_tls12() { SSL_CTX_set_max_proto_version(context_, TLS1_2_VERSION); }
  std::string certificate_pem() const { return made_.certificate_pem(); }
  std::string key_pem() const { return made_.key_pem(); }

  std::string certificate_der() const {
    unsigned char* der = nullptr;
    const int bytes = i2d_X509(made_.certificate(), &der);
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
    OPENSSL_free(der);
    return out;
  }

 private:
  fakes::MadeCertificate made_;
  SSL_CTX* context_ = SSL_CTX_new(TLS_server_method());
  SSL* last_ = nullptr;
  std::string chosen_alpn_;
};

}  // namespace apisix::net
