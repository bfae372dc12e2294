#include "privileged-agent/jobs/probe_tls.h"

#include "shared/format/json.h"
#include "shared/resource/certificate_pair.h"
#include "shared/resource/fields.h"

namespace apisix::agent {
namespace {

std::string id_of(const std::string& key) {
  return key.substr(key.rfind('/') + 1);
}

}  // namespace

bool ProbeTls::put(const store::Item& ssl) {
  stored_.erase(id_of(ssl.key));
  if (!ssl.value.contains("\"client\"")) return false;  // most are of servers: they are not even parsed
  const auto value = format::parse_json(ssl.value);
  if (!value || !value->isObject() || resource::text_field(*value, "type") != "client") return false;
  resource::CertificatePair pair = resource::first_pair(*value);
  // What a reference stands for is known to workers alone: such a node is asked without a certificate.
  if (pair.has_reference()) return false;
  stored_[id_of(ssl.key)] = {std::move(pair.cert), std::move(pair.key)};
  return true;
}

void ProbeTls::erase(const std::string& key) {
  stored_.erase(id_of(key));
}

base::Result<base::Ref<const net::TlsClientContext>> ProbeTls::context(bool verify,
                                                                       const resource::UpstreamTls* shown) {
  const net::TlsClientContext::Options options{
      .verify = verify, .ca_file = verify ? trusted_file_ : std::string(), .takes_bare_end = true};
  if (shown == nullptr) return contexts_.get(options);
  Pair pair{shown->client_cert_pem, shown->client_key_pem};
  if (const auto found = stored_.find(shown->client_cert_id); found != stored_.end()) pair = found->second;
  if (pair.cert.empty()) return contexts_.get(options);
  const auto key = keyring_.decrypt_pem(pair.key);
  if (!key) return std::unexpected(key.error());
  return contexts_.get_showing(options, pair.cert, *key);
}

}  // namespace apisix::agent
