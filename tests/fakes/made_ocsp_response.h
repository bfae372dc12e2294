// OCSP responses for tests, as an authority's responder makes them.
#pragma once

#include <string>

#include <openssl/ocsp.h>

#include "tests/fakes/made_certificate.h"

namespace apisix::fakes {

struct OcspOptions {
  int status = V_OCSP_CERTSTATUS_GOOD;
  long begins_in_s = -60;
  long ends_in_s = 3600;
};

// DER, about the certificate that `issuer` made for `subject`.
inline std::string made_ocsp_response(const MadeCertificate& subject, const MadeCertificate& issuer,
                                      const MadeCertificate& signer, const OcspOptions& options) {
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, subject.certificate(), issuer.certificate());
  ASN1_TIME* begin = X509_gmtime_adj(nullptr, options.begins_in_s);
  ASN1_TIME* end = X509_gmtime_adj(nullptr, options.ends_in_s);
  ASN1_TIME* revoked = X509_gmtime_adj(nullptr, -30);
  OCSP_basic_add1_status(basic, id, options.status, 0, revoked, begin, end);
  OCSP_basic_sign(basic, signer.certificate(), signer.key(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* made = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* der = nullptr;
  const int bytes = i2d_OCSP_RESPONSE(made, &der);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  OPENSSL_free(der);
  OCSP_RESPONSE_free(made);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(begin);
  ASN1_TIME_free(end);
  ASN1_TIME_free(revoked);
  return out;
}

}  // namespace apisix::fakes
