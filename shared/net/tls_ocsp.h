// OCSP (RFC 6960) as a server needs it for stapling: what to ask the authority about its own certificate, and
// whether a response may be shown to clients. Pure: the asking is done elsewhere.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/net/tls_certificate.h"

namespace apisix::net {

struct OcspQuestion {
  std::string url;      // of the responder, out of the certificate
  std::string request;  // DER, to be POSTed as application/ocsp-request
};

// Errors in the words of APISIX: no responder in the certificate, no issuer in its chain.
base::Result<OcspQuestion> ocsp_question(const TlsCertificate& certificate);

struct OcspResponse {
  std::int64_t next_update_s = 0;  // Unix time; 0: it does not say
};

// Is the DER an OCSP response about the certificate? With `verifies` also: signed by its issuer or for it, in
// time, and "good"; the errors are APISIX's ("certificate status \"revoked\" in the OCSP response").
base::Result<OcspResponse> check_ocsp_response(std::string_view der, const TlsCertificate& certificate,
                                               bool verifies);

}  // namespace apisix::net
