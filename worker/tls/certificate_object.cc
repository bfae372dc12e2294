#include "worker/tls/certificate_object.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "shared/base/crypto.h"
#include "shared/base/crypto_digest.h"
#include "shared/base/host_name.h"
#include "shared/format/read.h"
#include "shared/resource/certificate_pair.h"
#include "shared/resource/fields.h"
#include "worker/secret/uses.h"
#include "worker/tls/name_index.h"

namespace apisix::tls {
namespace {

using format::find_member;
using format::Json;

constexpr std::uint32_t kStaplingTtlS = 3600;
constexpr std::uint32_t kVerifyDepth = 1;

// A name that a client can ask for has at most 255 bytes.
constexpr std::size_t kShortStringMax = 512;

// Of the string that `json` starts with, its quotes included; all of it when it does not end.
std::size_t string_token_bytes(std::string_view json) {
  for (std::size_t at = 1; (at = json.find('"', at)) != json.npos; ++at) {
    std::size_t backslashes = 0;
    while (json[at - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return at + 1;
  }
  return json.size();
}

bool is_off(const Json& object) {
  const Json& status = find_member(object, "status");
  return status.isNumeric() && format::number_of(status) != 1;
}

bool serves_clients(const Json& object) {
  // One that is there and not known does not serve: too long, it is "" in an outline.
  const bool has_type = !find_member(object, "type").isNull();
  return !is_off(object) && (!has_type || resource::text_field(object, "type") == "server");
}

// `snis` if there are any, else `sni`, as APISIX takes them.
std::vector<std::string> names_of(const Json& object) {
  std::vector<std::string> names = resource::texts_field(object, "snis");
  if (names.empty()) names.push_back(resource::text_field(object, "sni"));
  for (std::string& name : names) name = base::comparable_host(name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::erase(names, "");
  return names;
}

StaplingConf stapling_of(const Json& object) {
  const Json& conf = find_member(object, "ocsp_stapling");
  return {.is_enabled = resource::bool_field(conf, "enabled").value_or(false),
          .verifies = !resource::bool_field(conf, "skip_verify").value_or(false),
          .ttl_s = resource::count_field(conf, "cache_ttl").value_or(kStaplingTtlS)};
}

// TLS 1.0 is none of an object's.
net::TlsVersions protocols_of(const Json& object) {
  net::TlsVersions out = 0;
  for (const std::string& name : resource::texts_field(object, "ssl_protocols")) {
    out |= net::tls_version_named(name);
  }
  return out & ~net::kTls10;
}

// In APISIX's order: `cert`, then `certs`.
std::vector<resource::CertificatePair> pairs_of(const Json& object) {
  std::vector<resource::CertificatePair> pairs = resource::further_pairs(object);
  pairs.insert(pairs.begin(), resource::first_pair(object));
  return pairs;
}

// Whatever changes one of these makes sessions of before unusable.
std::uint64_t serial_of(std::string_view id, const Json& conf) {
  const auto digest = base::digest_of(base::Digest::kSha256, std::string(id) + format::to_json(conf));
  std::uint64_t serial = 0;
  std::memcpy(&serial, digest.view().data(), sizeof serial);
  return serial;
}

base::Result<ShownCertificate> read_pair(const resource::CertificatePair& pair,
                                         const base::Keyring& keyring) {
  const auto key = keyring.decrypt_pem(pair.key);
  if (!key) return base::invalid("failed to parse PEM priv key: " + key.error().what);
  auto certificate = net::TlsCertificate::from_pem(pair.cert, *key);
  if (!certificate) return std::unexpected(certificate.error());
  return ShownCertificate{std::move(*certificate)};
}

base::Result<std::unique_ptr<const ClientPolicy>> client_policy_of(const Json& object) {
  const Json& client = find_member(object, "client");
  if (!client.isObject()) return nullptr;
  auto trust = net::TlsTrust::from_pem(resource::text_field(client, "ca"));
  if (!trust) return base::invalid("failed to parse client cert: " + trust.error().what);
  std::vector<format::LazyRegex> skipped;
  for (const std::string& pattern : resource::texts_field(client, "skip_mtls_uri_regex")) {
    skipped.emplace_back(pattern);
  }
  const std::uint32_t depth = resource::count_field(client, "depth").value_or(kVerifyDepth);
  return std::make_unique<const ClientPolicy>(std::move(*trust), depth, std::move(skipped));
}

}  // namespace

std::string without_long_strings(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    const std::size_t quote = std::min(json.find('"'), json.size());
    out += json.substr(0, quote);
    json.remove_prefix(quote);
    if (json.empty()) break;
    const std::string_view text = json.substr(0, string_token_bytes(json));
    out += text.size() > kShortStringMax && !text.starts_with("\"$") ? R"("")" : text;
    json.remove_prefix(text.size());
  }
  return out;
}

base::Result<ObjectOutline> read_outline(std::string_view text) {
  const auto value = format::parse_json(without_long_strings(text));
  if (!value) return std::unexpected(value.error());
  const Json& object = *value;
  if (!object.isObject()) return base::invalid("not a JSON object");
  ObjectOutline out;
  out.is_off = is_off(object);
  out.has_client_policy = find_member(object, "client").isObject();
  out.has_references = secret::has_references(parts_conf(object));
  out.stapling = stapling_of(object);
  out.names = names_for_clients(object);
  if (out.names.empty() && serves_clients(object)) return base::invalid("it has neither sni nor snis");
  return out;
}

std::vector<std::string> names_for_clients(const Json& object) {
  return serves_clients(object) ? names_of(object) : std::vector<std::string>{};
}

std::int64_t first_end(std::string_view text) {
  const auto value = format::parse_json(text);
  if (!value) return 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const resource::CertificatePair& pair : pairs_of(*value)) {
    const auto end_s = base::certificate_end(pair.cert);
    if (!end_s) return 0;
    first = std::min(first, *end_s);
  }
  return first;
}

Json parts_conf(const Json& object) {
  Json out(::Json::objectValue);
  for (const char* member : {"cert", "key", "certs", "keys", "client", "ssl_protocols", "type"}) {
    if (const Json& value = find_member(object, member); !value.isNull()) out[member] = value;
  }
  return out;
}

base::Result<IdentityParts> build_parts(std::string_view id, const Json& conf, const base::Keyring& keyring) {
  IdentityParts parts{.id = std::string(id), .serial = serial_of(id, conf)};
  if (find_member(conf, "certs").size() != find_member(conf, "keys").size()) {
    return base::invalid("mismatched number of certs and keys");
  }
  std::vector<resource::CertificatePair> pairs = resource::further_pairs(conf);
  pairs.insert(pairs.begin(), resource::first_pair(conf));
  for (const resource::CertificatePair& pair : pairs) {
    auto shown = read_pair(pair, keyring);
    if (!shown) return std::unexpected(shown.error());
    parts.certificates.push_back(std::move(*shown));
  }
  auto policy = client_policy_of(conf);
  if (!policy) return std::unexpected(policy.error());
  parts.client_policy = std::move(*policy);
  parts.protocols = protocols_of(conf);
  parts.is_client = resource::text_field(conf, "type") == "client";
  return parts;
}

}  // namespace apisix::tls
