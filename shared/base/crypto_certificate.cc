#include "shared/base/crypto_certificate.h"

#include <limits>
#include <utility>

#include "shared/base/crypto_digest.h"
#include "shared/base/crypto_openssl.h"

namespace apisix::base {
namespace {

std::string name_text(const X509_NAME* name) {
  return written_by([name](BIO* bio) { return X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253); });
}

std::string legacy_name_text(const X509_NAME* name) {
  char* const text = X509_NAME_oneline(name, nullptr, 0);
  std::string out = text != nullptr ? text : "";
  OPENSSL_free(text);
  return out;
}

std::string time_text(const ASN1_TIME* time) {
  return written_by([time](BIO* bio) { return ASN1_TIME_print(bio, time); });
}

}  // namespace

CertificateFields::CertificateFields(std::unique_ptr<x509_st, Free> certificate)
    : certificate_(std::move(certificate)) {}

void CertificateFields::Free::operator()(x509_st* certificate) const {
  X509_free(certificate);
}

Result<CertificateFields> CertificateFields::from_der(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  if (der.size() > std::size_t{std::numeric_limits<int>::max()}) return invalid("it is no certificate");
  std::unique_ptr<x509_st, Free> parsed(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (parsed == nullptr) return invalid("it is no certificate");
  return CertificateFields(std::move(parsed));
}

std::string CertificateFields::subject() const {
  return name_text(X509_get_subject_name(certificate_.get()));
}

std::string CertificateFields::issuer() const {
  return name_text(X509_get_issuer_name(certificate_.get()));
}

std::string CertificateFields::subject_legacy() const {
  return legacy_name_text(X509_get_subject_name(certificate_.get()));
}

std::string CertificateFields::issuer_legacy() const {
  return legacy_name_text(X509_get_issuer_name(certificate_.get()));
}

std::string CertificateFields::serial() const {
  const ASN1_INTEGER* const number = X509_get0_serialNumber(certificate_.get());
  return written_by([number](BIO* bio) { return i2a_ASN1_INTEGER(bio, number); });
}

std::string CertificateFields::sha1() const {
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(certificate_.get(), &der);
  if (bytes <= 0) return {};
  const std::string_view view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  std::string out = digest_of(Digest::kSha1, view).hex();
  OPENSSL_free(der);
  return out;
}

std::string CertificateFields::valid_from() const {
  return time_text(X509_get0_notBefore(certificate_.get()));
}

std::string CertificateFields::valid_until() const {
  return time_text(X509_get0_notAfter(certificate_.get()));
}

std::int64_t CertificateFields::days_left(std::int64_t now_s) const {
  constexpr std::int64_t kDayS = 24 * 60 * 60;
  const std::int64_t end_s = unix_time_of(X509_get0_notAfter(certificate_.get())).value_or(0);
  return end_s > now_s ? (end_s - now_s) / kDayS : 0;
}

std::string CertificateFields::pem() const {
  return written_by([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate_.get()); });
}

}  // namespace apisix::base
