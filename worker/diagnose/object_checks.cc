#include "worker/diagnose/object_checks.h"

#include <ctime>

#include <fmt/format.h>

#include "shared/base/crypto.h"
#include "shared/format/variables.h"
#include "shared/resource/fields.h"

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

// [left, right] and [left, operator]: accepted, and read as nobody expects (the right side in lower case).
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
  if (kind == Kind::kRoute) check_vars(id, find_member(object, "vars"));
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
    if (find_member(*entry, "disable").isBool()) {
      out.add({Severity::kWarning, "plugin-disable-ignored", kind, id,
               fmt::format("`disable` of {} has had no effect since APISIX 3.0", name),
               "write _meta.disable"});
    }
  }
}

void ObjectChecks::check_upstream(Kind kind, const std::string& id, const Json& upstream) const {
  check_certificate(kind, id, find_member(find_member(upstream, "tls"), "client_cert"));
  if (has_nodes(upstream) || is_discovered(upstream)) return;
  out.add({Severity::kError, "upstream-without-nodes", kind, id,
           "it has no nodes: requests are answered with 503", "add a node"});
}

void ObjectChecks::check_certificate(Kind kind, const std::string& id, const Json& pem) const {
  if (!pem.isString() || pem.asString().empty() || format::is_secret_ref(pem.asString())) return;
  const auto end = base::certificate_end(pem.asString());
  if (!end) {
    out.add(
        {Severity::kError, "certificate-unreadable", kind, id, end.error().what, "store it again, in PEM"});
  } else if (*end <= now_s) {
    out.add({Severity::kError, "certificate-expired", kind, id, "its certificate expired on " + day_of(*end),
             "replace it"});
  } else if (*end - now_s <= kCertificateSoonS) {
    out.add({Severity::kWarning, "certificate-expires-soon", kind, id,
             fmt::format("its certificate expires on {}, in {} days", day_of(*end), (*end - now_s) / 86400),
             "replace it before that day"});
  }
}

void ObjectChecks::check_ssl(const std::string& id, const Json& ssl) const {
  if (const Json& status = find_member(ssl, "status"); status.isNumeric() && status.asDouble() == 0) {
    out.add({Severity::kInfo, "ssl-disabled", Kind::kSsl, id, "its status is 0: it is not used",
             "set status to 1, or delete it"});
    return;
  }
  check_certificate(Kind::kSsl, id, find_member(ssl, "cert"));
  for (const Json& more : find_member(ssl, "certs")) check_certificate(Kind::kSsl, id, more);
}

void ObjectChecks::check_vars(const std::string& id, const Json& vars) const {
  if (!has_old_form(vars)) return;
  out.add({Severity::kWarning, "vars-old-form", Kind::kRoute, id,
           "a comparison in vars has no operator: its right side is taken in lower case",
           "write [name, \"==\", value]"});
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
