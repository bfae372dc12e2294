#include "worker/diagnose/object_checks.h"

#include <ctime>

#include <fmt/format.h>

#include "shared/base/crypto.h"
#include "shared/format/read.h"
#include "shared/format/variables.h"
#include "shared/net/tls_chain.h"
#include "shared/resource/fields.h"
#include "worker/route/match_rule.h"
#include "worker/route/path_pattern.h"

namespace apisix::diagnose {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

std::string day_of(std::int64_t unix_s) {
  const auto time = static_cast<std::time_t>(unix_s);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

// [left, right] and [left, operator]: accepted, and read in an unexpected way (the right side in lower case).
bool has_old_form(const Json& rule) {
  if (!rule.isArray() || rule.empty()) return false;
  if (!rule[0].isArray() && rule.size() == 2) return true;
  for (const Json& part : rule) {
    if (has_old_form(part)) return true;
  }
  return false;
}

bool has_nodes(const Json& upstream) {
  const Json& nodes = find_member(upstream, "nodes");
  return (nodes.isObject() || nodes.isArray()) && !nodes.empty();
}

Finding never_matches(Kind kind, const std::string& id, const std::string& what, const std::string& why) {
  return {Severity::kWarning,
          "regex-invalid",
          kind,
          id,
          fmt::format("{} never matches: {}", what, why),
          "correct the regular expression"};
}

bool is_discovered(const Json& upstream) {
  return !find_member(upstream, "discovery_type").isNull() || !find_member(upstream, "service_name").isNull();
}

}  // namespace

void ObjectChecks::check(Kind kind, const std::string& id, const Json& object) const {
  if (kind == Kind::kPluginMetadata) {
    if (plugins.find(id) == nullptr) {
      out.add({Severity::kInfo, "plugin-metadata-unused", kind, id,
               fmt::format("the plugin {} is not enabled", id),
               "enable the plugin in config.yaml, or delete its metadata"});
    }
    return;
  }
  check_plugins(kind, id, find_member(object, "plugins"));
  if (kind == Kind::kSsl) check_ssl(id, object);
  if (kind == Kind::kUpstream) check_upstream(kind, id, object);
  if (const Json& own = find_member(object, "upstream"); own.isObject()) check_upstream(kind, id, own);
  if (kind == Kind::kRoute) check_route(id, object);
}

void ObjectChecks::check_plugins(Kind kind, const std::string& id, const Json& configured) const {
  if (!configured.isObject()) return;
  for (auto entry = configured.begin(); entry != configured.end(); ++entry) {
    const std::string name = entry.name();
    if (plugin::is_disabled(*entry)) continue;
    if (plugins.is_missing(name)) {
      out.add({Severity::kError, "plugin-not-built", kind, id,
               fmt::format("{} is enabled, and not part of this build: what uses it answers 503", name),
               "take it out, or turn it off by _meta.disable"});
    } else if (plugins.find(name) == nullptr) {
      out.add({Severity::kWarning, "plugin-not-enabled", kind, id, fmt::format("{} does not run", name),
               "add it to `plugins` in config.yaml, or take it out here"});
    }
    check_expression(kind, id, "_meta.filter of " + name,
                     find_member(find_member(*entry, "_meta"), "filter"));
    if (find_member(*entry, "disable").isBool()) {
      out.add({Severity::kWarning, "plugin-disable-ignored", kind, id,
               fmt::format("`disable` of {} has had no effect since APISIX 3.0", name),
               "write _meta.disable"});
    }
  }
}

// Compiled anew: what serves keeps the expressions that it did not need yet uncompiled.
void ObjectChecks::check_expression(Kind kind, const std::string& id, const std::string& where,
                                    const Json& expression) const {
  if (expression.isNull()) return;
  const auto rule = route::MatchRule::compile(expression);
  if (!rule) return;
  for (const std::string& why : rule->warnings())
    out.add(never_matches(kind, id, "a comparison in " + where, why));
}

void ObjectChecks::check_upstream(Kind kind, const std::string& id, const Json& upstream) const {
  check_pair(kind, id, resource::client_pair(upstream, kind == Kind::kUpstream ? "" : "/upstream"));
  if (has_nodes(upstream) || is_discovered(upstream)) return;
  out.add({Severity::kError, "upstream-without-nodes", kind, id,
           "it has no nodes: requests are answered with 503", "add a node"});
}

void ObjectChecks::check_pair(Kind kind, const std::string& id, const resource::CertificatePair& pair) const {
  if (pair.cert.empty() || pair.has_reference()) return;
  const auto end_s = base::certificate_end(pair.cert);
  if (!end_s) {
    return out.add(
        {Severity::kError, "certificate-unreadable", kind, id, end_s.error().what, "store it again, in PEM"});
  }
  check_end(kind, id, *end_s);
  check_chain(kind, id, pair);
  if (!pair.key.empty()) check_key(kind, id, pair);
}

void ObjectChecks::check_end(Kind kind, const std::string& id, std::int64_t end_s) const {
  if (end_s <= now_s) {
    out.add({Severity::kError, "certificate-expired", kind, id, "its certificate expired on " + day_of(end_s),
             "replace it"});
  } else if (end_s - now_s <= kCertificateSoonS) {
    out.add({Severity::kWarning, "certificate-expires-soon", kind, id,
             fmt::format("its certificate expires on {}, in {} days", day_of(end_s), (end_s - now_s) / 86400),
             "replace it before that day"});
  }
}

void ObjectChecks::check_chain(Kind kind, const std::string& id,
                               const resource::CertificatePair& pair) const {
  if (roots == nullptr) return;
  const auto missing = net::missing_issuer(pair.cert, *roots);
  if (!missing || missing->empty()) return;
  out.add({Severity::kWarning, "certificate-chain-incomplete", kind, id,
           fmt::format("the chain at {} ends below \"{}\": clients that do not know that authority refuse it",
                       pair.cert_at, *missing),
           "put the certificates of the authorities behind the certificate"});
}

void ObjectChecks::check_key(Kind kind, const std::string& id, const resource::CertificatePair& pair) const {
  const auto plain = keyring.decrypt_pem(pair.key);
  if (!plain || !base::check_private_key_pem(*plain)) {
    const char* what = plain ? "is none in PEM" : "was encrypted with a key that is not in the keyring";
    out.add({Severity::kError, "private-key-unreadable", kind, id,
             fmt::format("the private key at {} {}", pair.key_at, what), "store it again"});
  } else if (!base::is_key_of_certificate(*plain, pair.cert)) {
    out.add({Severity::kError, "key-of-other-certificate", kind, id,
             pair.mismatch_text() + ": handshakes fail", "store the certificate and its own key"});
  }
}

void ObjectChecks::check_ssl(const std::string& id, const Json& ssl) const {
  if (const Json& status = find_member(ssl, "status"); status.isNumeric() && format::number_of(status) == 0) {
    out.add({Severity::kInfo, "ssl-disabled", Kind::kSsl, id, "its status is 0: it is not used",
             "set status to 1, or delete it"});
    return;
  }
  check_pair(Kind::kSsl, id, resource::first_pair(ssl));
  for (const resource::CertificatePair& pair : resource::further_pairs(ssl)) check_pair(Kind::kSsl, id, pair);
}

void ObjectChecks::check_route(const std::string& id, const Json& route) const {
  if (!route::is_enabled(route)) {
    out.add({Severity::kInfo, "route-disabled", Kind::kRoute, id, "its status is 0: it takes no requests",
             "set status to 1, or delete it"});
  }
  check_expression(Kind::kRoute, id, "vars", find_member(route, "vars"));
  if (has_old_form(find_member(route, "vars"))) {
    out.add({Severity::kWarning, "vars-old-form", Kind::kRoute, id,
             "a comparison in vars has no operator: its right side is taken in lower case",
             "write [name, \"==\", value]"});
  }
}

void check_uris(route::RouterKind kind, const route::RouteEntry& entry, Findings& out) {
  for (const std::string_view uri : entry.uris) {
    const auto shape = route::path_shape(uri, kind == route::RouterKind::kUriWithParameter);
    if (shape.check != route::PathCheck::kRegex) continue;
    const auto error = route::PathRegex(uri, shape.prefix.size()).error();
    if (error) out.add(never_matches(Kind::kRoute, entry.id, fmt::format("the uri {}", uri), *error));
  }
}

bool has_responder(const Json& object) {
  const Json& plugins = find_member(object, "plugins");
  return find_member(object, "upstream").isObject() || !resource::id_field(object, "upstream_id").empty() ||
         !resource::id_field(object, "plugin_config_id").empty() ||
         (plugins.isObject() && !plugins.empty()) || !find_member(object, "script").isNull();
}

Finding route_without_upstream(std::string id) {
  return {Severity::kError,
          "route-without-upstream",
          Kind::kRoute,
          std::move(id),
          "neither it nor a service of it has an upstream, and no plugin could answer: requests are answered "
          "with 503",
          "give it an upstream"};
}

void for_each_named(const Json& plugins, std::string_view member,
                    const std::function<void(const std::string& id)>& use) {
  if (!plugins.isObject() && !plugins.isArray()) return;
  if (plugins.isObject()) {
    const std::string id = resource::id_field(plugins, member);
    if (!id.empty()) use(id);
  }
  for (const Json& inner : plugins) for_each_named(inner, member, use);
}

}  // namespace apisix::diagnose
