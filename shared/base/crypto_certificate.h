// CertificateFields: what an X.509 certificate says, as texts in the form that nginx writes them. Owns the
// parsed certificate; checks nothing of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/result.h"

struct x509_st;

namespace apisix::base {

class CertificateFields {
 public:
  static Result<CertificateFields> from_der(std::string_view der);

  // RFC 2253: "CN=a,O=b"; what is no ASCII is escaped ("\C3\A4").
  std::string subject() const;
  std::string issuer() const;
  // As OpenSSL wrote names before: "/O=b/CN=a".
  std::string subject_legacy() const;
  std::string issuer_legacy() const;
  std::string serial() const;      // hexadecimal, upper case, in whole bytes
  std::string sha1() const;        // of the DER, hexadecimal, lower case
  std::string valid_from() const;  // "Nov 30 20:45:30 2026 GMT"
  std::string valid_until() const;
  // Whole days until it ends; 0 when it has ended.
  std::int64_t days_left(std::int64_t now_s) const;
  std::string pem() const;  // with a newline at its end

 private:
  struct Free {
    void operator()(x509_st* certificate) const;
  };
  explicit CertificateFields(std::unique_ptr<x509_st, Free> certificate);

  std::unique_ptr<x509_st, Free> certificate_;
};

}  // namespace apisix::base
