#include <fmt/format.h>

#include "shared/format/read.h"
#include "shared/settings/build.h"
#include "shared/settings/merge.h"
#include "shared/settings/section.h"

namespace apisix::settings {
namespace {

Role role_of(const Json& name) {
  if (name == "control_plane") return Role::kControlPlane;
  if (name == "data_plane") return Role::kDataPlane;
  return Role::kTraditional;
}

Provider provider_of(const Json& name) {
  if (name == "local") return Provider::kLocal;
  if (name == "yaml") return Provider::kYaml;
  if (name == "json") return Provider::kJson;
  return Provider::kEtcd;
}

Provider traditional_provider(const Json& merged, const Json& user, bool names_etcd, Report& report) {
  static constexpr const char* kPath = "deployment.role_traditional.config_provider";
  if (!at_path(user, kPath).isNull()) return provider_of(at_path(merged, kPath));
  if (names_etcd || !at_path(user, "deployment.etcd").isNull()) return Provider::kEtcd;
  report.note(
      fmt::format("neither etcd nor a provider is configured: configuration is kept in the local store "
                  "({}: local)",
                  kPath));
  return Provider::kLocal;
}

Provider read_provider(const Json& merged, const Json& user, bool names_etcd, Role role, Report& report) {
  if (role == Role::kTraditional) return traditional_provider(merged, user, names_etcd, report);
  const bool control = role == Role::kControlPlane;
  const std::string path = control ? "deployment.role_control_plane.config_provider"
                                   : "deployment.role_data_plane.config_provider";
  const Json& name = at_path(merged, path);
  if (name.isNull()) report.expected(path, control ? "etcd" : "one of etcd, yaml, json", name);
  return provider_of(name);
}

void read_admin_key(const std::string& path, const Section& entry, std::vector<AdminKey>& keys,
                    Report& report) {
  AdminKey out;
  entry.read_text("name", out.name);
  out.role = entry.at("role") == "viewer" ? AdminRole::kViewer : AdminRole::kAdmin;
  const Json& key = entry.at("key");
  if (key.isNumeric()) {
    out.key = format::to_json(key);
  } else if (key.isString()) {
    out.key = format::string_of(key);
  } else if (!key.isNull()) {
    report.expected(path + ".key", "text", key);
  }
  if (!entry.has("role")) report.expected(path + ".role", "admin or viewer", entry.at("role"));
  keys.push_back(std::move(out));
}

void read_allow_admin(const Section& admin, std::optional<std::vector<base::Cidr>>& allowed) {
  const Json& list = admin.at("allow_admin");
  allowed.reset();
  if (!list.isArray()) return;
  allowed.emplace();
  for (const Json& element : list) {
    if (element == "all") {
      allowed.reset();
      return;
    }
    const auto network = base::Cidr::parse(element.isString() ? format::string_of(element) : "");
    if (network) allowed->push_back(*network);
  }
}

void build_admin(const Section& admin, Deployment::Admin& out, Report& report) {
  admin.read_flag("admin_key_required", out.admin_key_required);
  admin.read_flag("allow_insecure_default_key", out.allow_insecure_default_key);
  admin.read_flag("enable_admin_cors", out.enable_admin_cors);
  admin.read_flag("enable_admin_ui", out.enable_admin_ui);
  admin.read_text("admin_api_version", out.admin_api_version);
  admin.read_flag("https_admin", out.listen.tls);
  const Section history = admin.section("history");
  history.read_integer("max_entries", out.history.max_entries);
  history.read_integer("max_age_days", out.history.max_age_days);
  const Section mtls = admin.section("admin_api_mtls");
  mtls.read_text("admin_ssl_cert", out.ssl_cert);
  mtls.read_text("admin_ssl_cert_key", out.ssl_cert_key);
  mtls.read_text("admin_ssl_ca_cert", out.ssl_ca_cert);
  if (out.listen.tls && (out.ssl_cert.empty() || out.ssl_cert_key.empty())) {
    report.fault(
        "deployment.admin.https_admin",
        "missing ssl cert for https admin: set admin_api_mtls.admin_ssl_cert and admin_ssl_cert_key");
  }
  read_allow_admin(admin, out.allow_admin);
  out.admin_key.clear();
  const Json& keys = admin.at("admin_key");
  for (::Json::ArrayIndex i = 0; keys.isArray() && i < keys.size(); ++i) {
    read_admin_key(fmt::format("deployment.admin.admin_key[{}]", i), Section(keys[i]), out.admin_key, report);
  }
}

void read_whole_seconds(const Section& section, std::string_view name, std::int64_t& field_ms) {
  std::int64_t seconds = field_ms / 1000;
  section.read_integer(name, seconds);
  field_ms = seconds * 1000;
}

void build_etcd(const Section& etcd, Deployment::Etcd& out) {
  constexpr std::int64_t kHealthCheckDefaultMs = 10'000;
  out.host.clear();
  etcd.read_texts("host", out.host);
  etcd.read_text("prefix", out.prefix);
  read_whole_seconds(etcd, "timeout", out.timeout_ms);
  read_whole_seconds(etcd, "watch_timeout", out.watch_timeout_ms);
  read_whole_seconds(etcd, "resync_delay", out.resync_delay_ms);
  read_whole_seconds(etcd, "health_check_timeout", out.health_check_timeout_ms);
  if (out.health_check_timeout_ms < 0) out.health_check_timeout_ms = kHealthCheckDefaultMs;
  etcd.read_integer("startup_retry", out.startup_retry);
  etcd.read_text("user", out.user);
  etcd.read_text("password", out.password);
  const Section tls = etcd.section("tls");
  tls.read_text("cert", out.tls.cert);
  tls.read_text("key", out.tls.key);
  tls.read_text("sni", out.tls.sni);
  tls.read_flag("verify", out.tls.verify);
}

}  // namespace

void build_deployment(const Json& merged, const Json& user, bool names_etcd, Settings& settings,
                      Report& report) {
  const Section section(at_path(merged, "deployment"));
  Deployment& deployment = settings.deployment;
  deployment.role = role_of(section.at("role"));
  deployment.provider = read_provider(merged, user, names_etcd, deployment.role, report);
  build_admin(section.section("admin"), deployment.admin, report);
  build_etcd(section.section("etcd"), deployment.etcd);
  if (deployment.provider == Provider::kEtcd && deployment.etcd.host.empty()) {
    report.fault("deployment.etcd.host", "expected at least one address such as http://127.0.0.1:2379");
  }
  if (deployment.role == Role::kControlPlane) settings.apisix.enable_admin = true;
  if (deployment.role == Role::kDataPlane) settings.apisix.enable_admin = false;
}

}  // namespace apisix::settings
