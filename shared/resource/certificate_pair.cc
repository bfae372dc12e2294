#include "shared/resource/certificate_pair.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/format/read.h"
#include "shared/format/schema.h"
#include "shared/resource/fields.h"

namespace apisix::resource {

using format::Json;

bool CertificatePair::has_reference() const {
  return format::is_secret_ref(cert) || format::is_secret_ref(key);
}

std::string CertificatePair::mismatch_text() const {
  return fmt::format("the private key at {} does not belong to the certificate at {}", key_at, cert_at);
}

CertificatePair first_pair(const Json& ssl) {
  return {text_field(ssl, "cert"), text_field(ssl, "key"), "/cert", "/key"};
}

std::vector<CertificatePair> further_pairs(const Json& ssl) {
  const Json& certs = format::find_member(ssl, "certs");
  const Json& keys = format::find_member(ssl, "keys");
  std::vector<CertificatePair> out;
  if (!certs.isArray() || !keys.isArray()) return out;
  for (Json::ArrayIndex i = 0; i < std::min(certs.size(), keys.size()); ++i) {
    if (!certs[i].isString() || !keys[i].isString()) continue;
    out.push_back({format::string_of(certs[i]), format::string_of(keys[i]), fmt::format("/certs/{}", i),
                   fmt::format("/keys/{}", i), fmt::format("failed to handle cert-key pair[{}]: ", i + 1)});
  }
  return out;
}

CertificatePair client_pair(const Json& upstream, const std::string& at) {
  const Json& tls = format::find_member(upstream, "tls");
  return {text_field(tls, "client_cert"), text_field(tls, "client_key"), at + "/tls/client_cert",
          at + "/tls/client_key"};
}

void check_pair(const CertificatePair& pair, const ValidateHooks& hooks, Validation& out) {
  if (pair.cert.empty() || !hooks.check_certificate) return;
  if (const auto status = hooks.check_certificate(pair.cert, pair.key); !status) {
    const std::string& text = status.error().what;
    return out.add(pair.before_text + text, {pair.cert_at, "certificate", text, {}, ""});
  }
  if (pair.key.empty() || !hooks.is_key_of_certificate) return;
  if (hooks.is_key_of_certificate(pair.key, pair.cert)) return;
  const std::string text = pair.mismatch_text();
  out.add(pair.before_text + text,
          {pair.key_at, "key_pair", text, {}, "store a certificate and its own key, both in one call"});
}

}  // namespace apisix::resource
