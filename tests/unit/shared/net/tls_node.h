// A server of TLS for tests, with a certificate of its own for one name, made anew.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/net/tls_openssl.h"

namespace apisix::net {

class TlsNode {
 public:
  explicit TlsNode(const std::string& name) : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_NAME* subject = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate_, subject);
    X509_set_pubkey(certificate_, key_);
    X509_sign(certificate_, key_, EVP_sha256());
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, certificate_);
    SSL_CTX_use_PrivateKey(context_, key_);
    SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  ~TlsNode() {
    SSL_CTX_free(context_);
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }

  // On a connected descriptor.
  std::unique_ptr<TlsSession> session(int fd) {
    OpensslSession::Ssl ssl(SSL_new(context_));
    SSL_set_fd(ssl.get(), fd);
    SSL_set_accept_state(ssl.get());
    last_ = ssl.get();
    return std::make_unique<OpensslSession>(std::move(ssl));
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
  std::string certificate_pem() const {
    return text_of([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_); });
  }
  std::string key_pem() const {
    return text_of([this](BIO* bio) {
      PEM_write_bio_PKCS8PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

  std::string certificate_der() const {
    unsigned char* der = nullptr;
    const int bytes = i2d_X509(certificate_, &der);
    std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
    OPENSSL_free(der);
    return out;
  }

 private:
  template <typename Write>
  static std::string text_of(Write write) {
    BIO* const bio = BIO_new(BIO_s_mem());
    write(bio);
    char* text = nullptr;
    const long bytes = BIO_get_mem_data(bio, &text);
    std::string out(text, static_cast<std::size_t>(bytes));
    BIO_free(bio);
    return out;
  }

  EVP_PKEY* key_;
  X509* certificate_;
  SSL_CTX* context_ = nullptr;
  SSL* last_ = nullptr;
  std::string chosen_alpn_;
};

}  // namespace apisix::net
