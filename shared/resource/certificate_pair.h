// Certificates and the private keys that stand beside them: where objects have them, and whether a write may
// store them. Of certificates (ssls) and of upstreams, whose `tls` has one to show to nodes.
#pragma once

#include <string>
#include <vector>

#include "shared/format/json.h"
#include "shared/resource/validate.h"

namespace apisix::resource {

// Both as they stand there: PEM, a reference to a secret, an encrypted key, or "" for none.
struct CertificatePair {
  std::string cert;
  std::string key;
  std::string cert_at;  // JSON pointers within the object
  std::string key_at;
  std::string before_text = "";  // APISIX's words in front of what it says of the pair

  // Either is a reference to a secret: what it stands for is not known here.
  bool has_reference() const;
  // "the private key at /key does not belong to the certificate at /cert"
  std::string mismatch_text() const;
};

// `cert` and `key` of a certificate.
CertificatePair first_pair(const format::Json& ssl);
// `certs` and `keys`: of other algorithms, or the second pair of the GM protocols; as many as both have.
std::vector<CertificatePair> further_pairs(const format::Json& ssl);
// `tls.client_cert` and `tls.client_key` of an upstream that stands at `at` ("" or "/upstream").
CertificatePair client_pair(const format::Json& upstream, const std::string& at);

// Both must be readable and belong together, as far as the hooks say. Nothing is asked without a certificate.
void check_pair(const CertificatePair& pair, const ValidateHooks& hooks, Validation& out);

}  // namespace apisix::resource
