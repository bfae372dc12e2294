// What one side of TLS shows and trusts, parsed once and used by many sessions: a certificate with its chain
// and private key, and a set of authorities. Immutable. The types of OpenSSL stay behind tls_* files, whose
// accessors give borrowed pointers, valid as long as the object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct stack_st_X509;
struct stack_st_X509_NAME;
struct x509_st;
struct x509_store_st;

namespace apisix::net {

class TlsCertificate {
 public:
  // PEM: the certificate, then its chain; one private key without a passphrase. Errors: what cannot be parsed
  // ("failed to parse PEM cert: ..."), or "the private key does not belong to the certificate".
  static base::Result<TlsCertificate> from_pem(std::string_view chain_pem, std::string_view key_pem);

  TlsCertificate(TlsCertificate&& other) noexcept;
  TlsCertificate& operator=(TlsCertificate&& other) noexcept;
  ~TlsCertificate();

  // Makes it one of the certificates that the session, or those of the context, may show: one for each type
  // of key (RSA, ECDSA, EdDSA), the later of two of a type.
  base::Status use_in(ssl_st& session) const;
  base::Status use_in(ssl_ctx_st& context) const;

  x509_st* leaf() const { return leaf_.get(); }
  // Is it the one in `certificate`, as SSL_get_certificate() tells?
  bool is_leaf(const x509_st* certificate) const;
  std::int64_t ends_at_s() const { return ends_at_s_; }  // Unix time, of the leaf
  // RFC 7633: clients refuse it without a stapled response.
  bool must_staple() const;

  // The one of the chain that issued the leaf; null: the chain has none.
  x509_st* issuer() const;
  // Of the leaf in DER: SHA-256, 32 bytes.
  std::string fingerprint() const;

 private:
  struct FreeCertificate {
    void operator()(x509_st* certificate) const;
  };
  struct FreeChain {
    void operator()(stack_st_X509* chain) const;
  };
  struct FreeKey {
    void operator()(evp_pkey_st* key) const;
  };
  TlsCertificate() = default;

  std::unique_ptr<x509_st, FreeCertificate> leaf_;
  std::unique_ptr<stack_st_X509, FreeChain> chain_;  // behind the leaf; may be empty
  std::unique_ptr<evp_pkey_st, FreeKey> key_;
  std::int64_t ends_at_s_ = 0;
};

// Authorities: which certificates of the other side are believed.
class TlsTrust {
 public:
  // PEM of one or more certificates.
  static base::Result<TlsTrust> from_pem(std::string_view pem);

  TlsTrust(TlsTrust&& other) noexcept;
  TlsTrust& operator=(TlsTrust&& other) noexcept;
  ~TlsTrust();

  // For SSL_set1_verify_cert_store().
  x509_store_st* store() const { return store_.get(); }
  // Their names, for the CertificateRequest: SSL_set0_CA_list() takes a copy of it (SSL_dup_CA_list()).
  const stack_st_X509_NAME* names() const { return names_.get(); }

 private:
  struct FreeStore {
    void operator()(x509_store_st* store) const;
  };
  struct FreeNames {
    void operator()(stack_st_X509_NAME* names) const;
  };
  TlsTrust() = default;

  std::unique_ptr<x509_store_st, FreeStore> store_;
  std::unique_ptr<stack_st_X509_NAME, FreeNames> names_;
};

}  // namespace apisix::net
