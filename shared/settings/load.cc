#include "shared/settings/load.h"

#include <array>
#include <cmath>

#include <fmt/format.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/text.h"
#include "shared/settings/build.h"
#include "shared/settings/check.h"
#include "shared/settings/defaults.h"
#include "shared/settings/listeners.h"
#include "shared/settings/merge.h"
#include "shared/settings/rules.h"
#include "shared/settings/variables.h"

namespace apisix::settings {
namespace {

// The defaults that the environment changes; the user's file wins over them.
Json defaults_in(const EnvironmentLookup& environment) {
  Json defaults = default_config();
  const auto batch = environment("OTEL_BSP_MAX_EXPORT_BATCH_SIZE");
  if (const auto size = batch ? base::parse_integer<std::int32_t>(*batch) : std::nullopt) {
    defaults["plugin_attr"]["opentelemetry"]["batch_span_processor"]["max_export_batch_size"] = *size;
  }
  return defaults;
}

// Variables that win over the user's file.
void apply_reserved_variables(const EnvironmentLookup& environment, Json& merged, Report& report) {
  if (const auto hosts = environment("APISIX_DEPLOYMENT_ETCD_HOST")) {
    auto list = format::parse_json(*hosts);
    Json* const place = make_path(merged, "deployment.etcd.host");
    if (list && list->isArray() && place != nullptr) {
      *place = *std::move(list);
    } else {
      report.fault("", "parse ${APISIX_DEPLOYMENT_ETCD_HOST} failed: expected a JSON array of addresses");
    }
  }
  if (const auto workers = environment("APISIX_WORKER_PROCESSES")) {
    const auto number = base::parse_double(base::trim(*workers));
    Json* const place = make_path(merged, "nginx_config.worker_processes");
    if (number && *number >= 1 && *number <= 4096 && place != nullptr) {
      *place = static_cast<int>(std::floor(*number));
    } else {
      report.fault(
          "", fmt::format("environment variable APISIX_WORKER_PROCESSES: expected a number from 1 to 4096, "
                          "got \"{}\"",
                          *workers));
    }
  }
}

// A stream-only APISIX has no HTTP server at all, so these ports stay closed as well. The local store keeps
// its Admin API: nothing else can fill it.
void close_http_services(Settings& settings, Report& report) {
  if (settings.apisix.http_enabled) return;
  settings.apisix.enable_control = false;
  if (settings.deployment.provider == Provider::kLocal) return;
  if (settings.apisix.enable_admin)
    report.note("proxy_mode is stream: the Admin and Control API are not opened");
  settings.apisix.enable_admin = false;
}

void publish_provider(const Settings& settings, Json& merged) {
  static constexpr std::array<const char*, 4> kNames = {"local", "etcd", "yaml", "json"};
  const char* const name = kNames[static_cast<std::size_t>(settings.deployment.provider)];
  if (Json* const place = make_path(merged, "deployment.config_provider")) *place = name;
  if (settings.deployment.role != Role::kTraditional) return;
  if (Json* const place = make_path(merged, "deployment.role_traditional.config_provider")) *place = name;
}

// nginx does not start with it either; without an access log it never sees the format.
void check_log_format(const LoadOptions& options, const NginxConfig::Http& http, Report& report) {
  if (!http.enable_access_log) return;
  if (const auto unknown = options.find_unknown_variable(http.access_log_format)) {
    report.fault("nginx_config.http.access_log_format", fmt::format("unknown \"{}\" variable", *unknown));
  }
}

void build_settings(const LoadOptions& options, const Json& user, Loaded& loaded, Report& report) {
  Settings& settings = loaded.settings;
  const bool names_etcd = options.environment("APISIX_DEPLOYMENT_ETCD_HOST").has_value();
  build_apisix(loaded.merged, options.prefix, settings.apisix, report);
  build_nginx_config(loaded.merged, settings.nginx_config, report);
  build_deployment(loaded.merged, user, names_etcd, settings, report);
  build_rest(loaded.merged, settings);
  close_http_services(settings, report);
  read_listeners(loaded.merged, settings, report);
  check_rules(loaded.merged, settings, options.environment, report);
  if (options.find_unknown_variable) check_log_format(options, settings.nginx_config.http, report);
  note_keys_without_effect(loaded.merged, report);
  publish_provider(settings, loaded.merged);
}

}  // namespace

base::Result<Loaded> load_settings_text(std::string_view text, const LoadOptions& options) {
  auto user = format::parse_yaml(text, options.config_path);
  if (!user) return std::unexpected(user.error());
  Report report(options.config_path, *user);
  if (user->value.isNull()) user->value = Json(::Json::objectValue);
  if (!user->value.isObject()) {
    report.expected("", "a map of sections", user->value);
    return base::invalid(report.faults_text());
  }

  Loaded loaded;
  replace_variables(*user, options.environment, report, loaded.exported_variables);
  move_deprecated_keys(*user, report);
  loaded.merged = defaults_in(options.environment);
  merge_over(loaded.merged, user->value);
  apply_reserved_variables(options.environment, loaded.merged, report);
  check_keys(loaded.merged, report);
  build_settings(options, user->value, loaded, report);

  if (report.has_faults()) return base::invalid(report.faults_text());
  loaded.warnings = report.take_warnings();
  loaded.notes = report.take_notes();
  return loaded;
}

base::Result<Loaded> load_settings(const LoadOptions& options) {
  const auto text = base::read_file(options.config_path);
  if (!text) return std::unexpected(text.error());
  return load_settings_text(*text, options);
}

base::Result<std::string> trusted_certificate_path(const Settings& settings) {
  static constexpr std::array kPlaces = {
      "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine
      "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
      "/etc/ssl/ca-bundle.pem",                             // openSUSE
      "/etc/pki/tls/cacert.pem",                            // OpenELEC
      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // CentOS
      "/etc/ssl/cert.pem",                                  // BSD, macOS
  };
  const std::string& configured = settings.apisix.ssl.ssl_trusted_certificate;
  if (configured != "system") return configured;
  for (const char* place : kPlaces) {
    if (::access(place, R_OK) == 0) return place;
  }
  return base::invalid(
      "no bundle of trusted certificates found at the usual places: install ca-certificates or set "
      "apisix.ssl.ssl_trusted_certificate to a file");
}

}  // namespace apisix::settings
