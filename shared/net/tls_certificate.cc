#include "shared/net/tls_certificate.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "shared/base/check.h"
#include "shared/base/crypto_openssl.h"
#include "shared/net/tls_openssl.h"

namespace apisix::net {
namespace {

using base::bio_of;
using base::is_end_of_pem;
using base::no_passphrase;

std::unexpected<base::Error> unreadable(const char* what) {
  ERR_clear_error();
  return base::invalid(what);
}

}  // namespace

void TlsCertificate::FreeCertificate::operator()(x509_st* certificate) const {
  X509_free(certificate);
}
void TlsCertificate::FreeChain::operator()(stack_st_X509* chain) const {
  sk_X509_pop_free(chain, X509_free);
}
void TlsCertificate::FreeKey::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
TlsCertificate::TlsCertificate(TlsCertificate&& other) noexcept = default;
TlsCertificate& TlsCertificate::operator=(TlsCertificate&& other) noexcept = default;
TlsCertificate::~TlsCertificate() = default;

base::Result<TlsCertificate> TlsCertificate::from_pem(std::string_view chain_pem, std::string_view key_pem) {
  TlsCertificate out;
  const base::Bio chain_bio = bio_of(chain_pem);
  out.leaf_.reset(PEM_read_bio_X509_AUX(chain_bio.get(), nullptr, no_passphrase, nullptr));
  if (!out.leaf_) return unreadable("failed to parse PEM cert: PEM_read_bio_X509_AUX() failed");
  out.chain_.reset(sk_X509_new_null());
  CHECK(out.chain_ != nullptr);
  while (X509* next = PEM_read_bio_X509(chain_bio.get(), nullptr, no_passphrase, nullptr)) {
    sk_X509_push(out.chain_.get(), next);
  }
  if (!is_end_of_pem()) return unreadable("failed to parse PEM cert: PEM_read_bio_X509() failed");
  const base::Bio key_bio = bio_of(key_pem);
  out.key_.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (!out.key_) return unreadable("failed to parse PEM priv key: PEM_read_bio_PrivateKey() failed");
  if (X509_check_private_key(out.leaf_.get(), out.key_.get()) != 1) {
    return unreadable("the private key does not belong to the certificate");
  }
  if (const auto end_s = base::unix_time_of(X509_get0_notAfter(out.leaf_.get()))) out.ends_at_s_ = *end_s;
  ERR_clear_error();
  return out;
}

base::Status TlsCertificate::use_in(ssl_st& session) const {
  if (SSL_use_cert_and_key(&session, leaf_.get(), key_.get(), chain_.get(), 1) == 1) return {};
  return base::invalid(last_tls_error("cannot use the certificate"));
}

base::Status TlsCertificate::use_in(ssl_ctx_st& context) const {
  if (SSL_CTX_use_cert_and_key(&context, leaf_.get(), key_.get(), chain_.get(), 1) == 1) return {};
  return base::invalid(last_tls_error("cannot use the certificate"));
}

// The session has the very object that it was given.
bool TlsCertificate::is_leaf(const x509_st* certificate) const {
  return certificate == leaf_.get();
}

bool TlsCertificate::must_staple() const {
  int critical = 0;
  auto* features =
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(leaf_.get(), NID_tlsfeature, &critical, nullptr));
  if (features == nullptr) return false;
  bool found = false;
  for (int i = 0; i < sk_ASN1_INTEGER_num(features) && !found; ++i) {
    found = ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == TLSEXT_TYPE_status_request;
  }
  TLS_FEATURE_free(features);
  return found;
}

x509_st* TlsCertificate::issuer() const {
  for (int i = 0; i < sk_X509_num(chain_.get()); ++i) {
    X509* candidate = sk_X509_value(chain_.get(), i);
    if (X509_check_issued(candidate, leaf_.get()) == X509_V_OK) return candidate;
  }
  return nullptr;
}

std::string TlsCertificate::fingerprint() const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  if (X509_digest(leaf_.get(), EVP_sha256(), digest, &bytes) != 1) return {};
  return {reinterpret_cast<const char*>(digest), bytes};
}

// --- TlsTrust

void TlsTrust::FreeStore::operator()(x509_store_st* store) const {
  X509_STORE_free(store);
}
void TlsTrust::FreeNames::operator()(stack_st_X509_NAME* names) const {
  sk_X509_NAME_pop_free(names, X509_NAME_free);
}
TlsTrust::TlsTrust(TlsTrust&& other) noexcept = default;
TlsTrust& TlsTrust::operator=(TlsTrust&& other) noexcept = default;
TlsTrust::~TlsTrust() = default;

base::Result<TlsTrust> TlsTrust::from_pem(std::string_view pem) {
  TlsTrust out;
  out.store_.reset(X509_STORE_new());
  out.names_.reset(sk_X509_NAME_new_null());
  CHECK(out.store_ != nullptr && out.names_ != nullptr);
  const base::Bio bio = bio_of(pem);
  while (X509* authority = PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr)) {
    const bool is_added = X509_STORE_add_cert(out.store_.get(), authority) == 1;
    X509_NAME* name = X509_NAME_dup(X509_get_subject_name(authority));
    if (name != nullptr) sk_X509_NAME_push(out.names_.get(), name);
    X509_free(authority);
    if (!is_added) return unreadable("an authority cannot be used");
  }
  if (!is_end_of_pem() || sk_X509_NAME_num(out.names_.get()) == 0) {
    return unreadable("PEM_read_bio_X509_AUX() failed");
  }
  return out;
}

}  // namespace apisix::net
