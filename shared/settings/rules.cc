#include "shared/settings/rules.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/settings/admin_key.h"
#include "shared/settings/defaults.h"
#include "shared/settings/keys.h"
#include "shared/settings/merge.h"

namespace apisix::settings {
namespace {

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

// An address of this machine's own, or a range that holds no other.
bool is_loopback(std::string_view text) {
  static const auto loopback = base::Cidr::parse("127.0.0.0/8");
  static const auto loopback_v6 = base::IpAddress::parse("::1");
  const auto slash = text.find('/');
  const auto address = base::IpAddress::parse(text.substr(0, slash));
  if (!address) return false;
  const unsigned all_bits = address->is_v4() ? 32 : 128;
  const auto bits =
      slash == text.npos ? std::optional(all_bits) : base::parse_integer<unsigned>(text.substr(slash + 1));
  if (!bits) return false;
  return address->is_v4() ? *bits >= 8 && loopback->contains(*address)
                          : *bits == all_bits && *address == *loopback_v6;
}

// Only this machine may ask: then APISIX does not insist on a key.
bool admin_is_loopback_only(const Json& merged, const Settings& settings) {
  if (!settings.deployment.admin.allow_admin) return false;  // any address may
  const Json& list = at_path(merged, "deployment.admin.allow_admin");
  return std::ranges::all_of(list.begin(), list.end(), [](const Json& element) {
    return element.isString() && (element == "unix:" || is_loopback(format::string_of(element)));
  });
}

// A known key is no protection: a fault, and only a warning where no other machine can connect.
void check_known_key(const Json& merged, const Settings& settings, Report& report) {
  const Deployment::Admin& admin = settings.deployment.admin;
  if (admin.allow_insecure_default_key) return;
  for (std::size_t i = 0; i < admin.admin_key.size(); ++i) {
    if (admin.admin_key[i].key != kKnownAdminKey) continue;
    const std::string path = fmt::format("deployment.admin.admin_key[{}].key", i);
    const std::string what =
        "this key stands in old examples of APISIX and everybody knows it (CVE-2020-13945): choose another "
        "one, or leave it empty to have one generated";
    if (admin_is_loopback_only(merged, settings)) {
      report.warn(path, what);
    } else {
      report.fault(path, what + "; deployment.admin.allow_insecure_default_key: true permits it");
    }
  }
}

void check_admin_key(const Json& merged, const Settings& settings, Report& report) {
  const Deployment::Admin& admin = settings.deployment.admin;
  if (!settings.apisix.enable_admin) return;
  if (!admin.admin_key_required) {
    return report.warn(
        "deployment.admin.admin_key_required",
        "Warning! Admin key is bypassed! If you are deploying in a production environment, enable "
        "`admin_key_required` and set a secure admin key!");
  }
  check_known_key(merged, settings, report);
  const bool any_empty =
      std::ranges::any_of(admin.admin_key, [](const AdminKey& key) { return key.key.empty(); });
  if (admin.admin_key.empty()) {
    const std::string_view what = "missing valid Admin API token: nobody can use the Admin API";
    if (!admin_is_loopback_only(merged, settings)) return report.fault("deployment.admin.admin_key", what);
    report.warn("deployment.admin.admin_key", what);
  } else if (any_empty && !admin_is_loopback_only(merged, settings)) {
    report.warn("deployment.admin.admin_key",
                "WARNING: using empty Admin API token, a random one will be generated");
  }
}

void check_plugins(const Settings& settings, Report& report) {
  if (contains(settings.plugins, "proxy-cache") && !settings.apisix.proxy_cache) {
    report.fault("apisix.proxy_cache", "missing apisix.proxy_cache for plugin proxy-cache");
  }
  if (contains(settings.stream_plugins, "prometheus") && !settings.prometheus.listen) {
    report.fault("plugin_attr.prometheus.enable_export_server",
                 "L4 prometheus metric should be exposed via export server");
  }
}

// Its inner requests come from this machine and carry the client's address in a header.
void check_batch_requests(const Settings& settings, const Json& merged, Report& report) {
  if (!contains(settings.plugins, "batch-requests")) return;
  const Json& from = at_path(merged, "nginx_config.http.real_ip_from");
  for (const Json& peer : from) {
    const std::string text = peer.isString() ? format::string_of(peer) : std::string();
    const std::string_view address = std::string_view(text).substr(0, text.find('/'));
    const auto ip = base::IpAddress::parse(address);
    if (!ip) continue;
    const std::string canonical = ip->to_string();
    if (canonical.starts_with("127.") || canonical == "::1" || canonical == "0.0.0.0" || canonical == "::")
      return;
  }
  report.fault(
      "nginx_config.http.real_ip_from",
      "missing loopback or unspecified in the nginx_config.http.real_ip_from for plugin batch-requests");
}

void check_wasm(const Json& merged, Report& report) {
  const Json& plugins = at_path(merged, "wasm.plugins");
  for (::Json::ArrayIndex i = 0; plugins.isArray() && i < plugins.size(); ++i) {
    for (const char* required : {"name", "file", "priority"}) {
      if (!format::find_member(plugins[i], required).isNull()) continue;
      report.fault(fmt::format("wasm.plugins[{}]", i), fmt::format("expected a member \"{}\"", required));
    }
  }
}

void check_standalone(const Settings& settings, const EnvironmentLookup& environment, Report& report) {
  if (environment("APISIX_STAND_ALONE") != "true") return;
  const Provider provider = settings.deployment.provider;
  if (provider == Provider::kYaml || provider == Provider::kJson) return;
  static constexpr std::array kProviders = {"local", "etcd", "yaml", "json"};
  static constexpr std::array kRoles = {"traditional", "control_plane", "data_plane"};
  report.fault("deployment",
               fmt::format("APISIX_STAND_ALONE is set to 'true' but config_provider is '{}'. For standalone "
                           "mode, config_provider must be 'yaml' or 'json'. Current role: {}",
                           kProviders[static_cast<std::size_t>(provider)],
                           kRoles[static_cast<std::size_t>(settings.deployment.role)]));
}

bool is_only_comments(const std::string& text) {
  for (const std::string_view line : base::split(text, '\n')) {
    const std::string_view content = base::trim(line);
    if (!content.empty() && content != "\r" && !content.starts_with('#')) return false;
  }
  return true;
}

void check_local_etcd(const Json& merged, const Settings& settings, Report& report) {
  if (settings.deployment.provider == Provider::kEtcd) return;
  if (at_path(merged, "deployment.etcd") == at_path(default_config(), "deployment.etcd")) return;
  report.note_at("deployment.etcd", "not used: the provider is another one");
}

}  // namespace

void check_rules(const Json& merged, const Settings& settings, const EnvironmentLookup& environment,
                 Report& report) {
  check_admin_key(merged, settings, report);
  check_plugins(settings, report);
  check_batch_requests(settings, merged, report);
  check_wasm(merged, report);
  check_standalone(settings, environment, report);
  check_local_etcd(merged, settings, report);
}

void note_keys_without_effect(const Json& merged, Report& report) {
  for (const auto& keys : {engine_keys(), plugin_keys(), discovery_keys()}) {
    for (const Key& key : keys) {
      if (key.effect != Effect::kNone) continue;
      const Json& value = at_path(merged, key.path);
      if (value.isNull() || value == at_path(default_config(), key.path)) continue;
      if (value.isString() && is_only_comments(format::string_of(value))) continue;
      report.note_at(key.path, "has no effect in this gateway");
    }
  }
}

}  // namespace apisix::settings
