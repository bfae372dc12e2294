#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/settings/build.h"
#include "shared/settings/merge.h"
#include "shared/settings/port_table.h"
#include "shared/settings/section.h"

namespace apisix::settings {
namespace {

bool is_readable(const std::string& path) {
  return ::access(path.c_str(), R_OK) == 0;
}

// Relative paths are tried below the prefix and its conf/, as nginx and APISIX's command line do.
void read_trusted_certificate(const Section& ssl, const std::string& prefix, Apisix& apisix, Report& report) {
  std::string& path = apisix.ssl.ssl_trusted_certificate;
  ssl.read_text("ssl_trusted_certificate", path);
  if (path == "system") return;
  const std::array<std::string, 3> places = {path, prefix + "/" + path, prefix + "/conf/" + path};
  for (const std::string& place : places) {
    if (!place.starts_with('/') || !is_readable(place)) continue;
    path = place;
    return;
  }
  report.fault("apisix.ssl.ssl_trusted_certificate", fmt::format("certificate path {} doesn't exist", path));
}

void build_ssl(const Section& ssl, const std::string& prefix, Apisix& apisix, Report& report) {
  apisix.ssl.enable = ssl.has("enable");  // null turns it off
  ssl.read_flag("enable", apisix.ssl.enable);
  ssl.read_text("ssl_protocols", apisix.ssl.ssl_protocols);
  ssl.read_text("ssl_ciphers", apisix.ssl.ssl_ciphers);
  ssl.read_flag("ssl_session_tickets", apisix.ssl.ssl_session_tickets);
  ssl.read_text("fallback_sni", apisix.ssl.fallback_sni);
  read_trusted_certificate(ssl, prefix, apisix, report);
  for (const std::string_view name : base::split(apisix.ssl.ssl_protocols, ' ')) {
    static constexpr std::array<std::string_view, 6> kKnown = {"SSLv2",   "SSLv3",   "TLSv1",
                                                               "TLSv1.1", "TLSv1.2", "TLSv1.3"};
    if (name.empty() || std::ranges::find(kKnown, name) != kKnown.end()) continue;
    report.expected("apisix.ssl.ssl_protocols", "names such as TLSv1.2 and TLSv1.3", std::string(name));
  }
}

void read_keyring(const Section& options, Apisix& apisix, Report& report) {
  static constexpr const char* kPath = "apisix.data_encryption.keyring";
  std::vector<std::string>& keyring = apisix.data_encryption.keyring;
  keyring.clear();
  const Json& value = options.at("keyring");
  if (value.isString()) keyring.push_back(format::string_of(value));
  options.read_texts("keyring", keyring);
  if (value.isNull()) return;
  if (!value.isString() && !value.isArray()) return report.expected(kPath, "a key or a list of keys", value);
  if (keyring.empty()) report.fault(kPath, "expected at least one key (null turns encryption off)");
  for (const std::string& key : keyring) {
    if (key.size() == 16 || key.size() == 32) continue;
    report.fault(kPath, fmt::format("expected keys of 16 or 32 characters, got one of {}", key.size()));
  }
}

bool has_disk_members(const Section& zone) {
  return zone.has("disk_size") && zone.has("disk_path") && zone.has("cache_levels");
}

void read_cache_zone(const std::string& path, const Section& zone, std::vector<ProxyCacheZone>& zones,
                     Report& report) {
  ProxyCacheZone out;
  zone.read_text("name", out.name);
  zone.read_size("memory_size", out.memory_bytes);
  zone.read_size("disk_size", out.disk_bytes);
  zone.read_text("disk_path", out.disk_path);
  zone.read_text("cache_levels", out.cache_levels);
  const bool any_disk = zone.has("disk_size") || zone.has("disk_path") || zone.has("cache_levels");
  if (!zone.has("name") || !zone.has("memory_size") || (any_disk && !has_disk_members(zone))) {
    report.fault(path,
                 "expected name and memory_size (a memory zone), or these with disk_size, disk_path and "
                 "cache_levels (a disk zone)");
  }
  const auto same_name = [&](const ProxyCacheZone& other) { return other.name == out.name; };
  if (std::ranges::any_of(zones, same_name))
    report.fault(path, fmt::format("zone \"{}\" is there twice", out.name));
  zones.push_back(std::move(out));
}

void build_proxy_cache(const Section& section, Apisix& apisix, Report& report) {
  if (!section.has("proxy_cache")) {
    apisix.proxy_cache.reset();
    return;
  }
  Apisix::ProxyCache cache;
  const Section options = section.section("proxy_cache");
  options.read_duration("cache_ttl", cache.cache_ttl_ms);
  const Json& zones = options.at("zones");
  if (zones.isArray()) {
    cache.zones.clear();
    for (::Json::ArrayIndex i = 0; i < zones.size(); ++i) {
      read_cache_zone(fmt::format("apisix.proxy_cache.zones[{}]", i), Section(zones[i]), cache.zones, report);
    }
  }
  apisix.proxy_cache = std::move(cache);
}

// "1.1.1.1", "1.1.1.1:53", "::1" -> "[::1]", "[::1]:53"; empty when it is none of these.
std::string normalised_resolver(std::string_view text) {
  const bool bare_v6 = std::ranges::count(text, ':') > 1 && !text.starts_with('[');
  std::string_view port;
  if (const auto colon = text.rfind(':'); !bare_v6 && colon != text.npos && text.back() != ']') {
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
    const auto number = base::parse_integer<std::uint16_t>(port);
    if (!number || *number == 0) return {};
  }
  const auto ip = base::IpAddress::parse(text);
  if (!ip) return {};
  const std::string host = ip->is_v4() ? ip->to_string() : "[" + ip->to_string() + "]";
  return port.empty() ? host : fmt::format("{}:{}", host, port);
}

void read_resolvers(const Section& section, Apisix& apisix, Report& report) {
  std::vector<std::string> given;
  section.read_texts("dns_resolver", given);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string path = fmt::format("apisix.dns_resolver[{}]", i);
    if (given[i].find('%') != std::string::npos) {
      report.warn(path, fmt::format("unsupported DNS resolver: {}, would ignore this item", given[i]));
      continue;
    }
    std::string resolver = normalised_resolver(given[i]);
    if (resolver.empty()) report.expected(path, "ip or ip:port", given[i]);
    apisix.dns_resolver.push_back(std::move(resolver));
  }
}

void read_trusted_addresses(const Section& section, Apisix& apisix) {
  const Json& addresses = section.at("trusted_addresses");
  if (!addresses.isArray()) return;
  apisix.trusted_addresses.emplace();
  for (const Json& address : addresses) {
    const auto network = base::Cidr::parse(address.isString() ? format::string_of(address) : "");
    if (network) apisix.trusted_addresses->push_back(*network);
  }
}

void read_proxy_mode(const Section& section, Apisix& apisix) {
  std::string mode = "http";
  section.read_text("proxy_mode", mode);
  apisix.http_enabled = mode != "stream";
  apisix.stream_enabled = mode != "http";
}

void read_lua(const Section& section, Apisix& apisix, Report& report) {
  section.read_text("extra_lua_path", apisix.extra_lua_path);
  section.read_text("extra_lua_cpath", apisix.extra_lua_cpath);
  section.read_text("lua_module_hook", apisix.lua_module_hook);
  if (apisix.extra_lua_path.size() == 1) report.fault("apisix.extra_lua_path", "invalid extra_lua_path");
  if (apisix.extra_lua_cpath.size() == 1) report.fault("apisix.extra_lua_cpath", "invalid extra_lua_cpath");
  const auto is_module_character = [](char c) {
    const char lower = base::to_lower(c);
    return (lower >= 'a' && lower <= 'z') || c == '.' || c == '_' || c == '-';
  };
  if (!std::ranges::all_of(apisix.lua_module_hook, is_module_character)) {
    report.expected("apisix.lua_module_hook", "a module name such as my.hook", apisix.lua_module_hook);
  }
}

void read_flags(const Section& section, Apisix& apisix) {
  section.read_flag("enable_admin", apisix.enable_admin);
  section.read_flag("enable_control", apisix.enable_control);
  section.read_flag("enable_dev_mode", apisix.enable_dev_mode);
  section.read_flag("enable_reuseport", apisix.enable_reuseport);
  section.read_flag("enable_ipv6", apisix.enable_ipv6);
  section.read_flag("enable_http2", apisix.enable_http2);
  section.read_flag("enable_server_tokens", apisix.enable_server_tokens);
  section.read_flag("delete_uri_tail_slash", apisix.delete_uri_tail_slash);
  section.read_flag("normalize_uri_like_servlet", apisix.normalize_uri_like_servlet);
  section.read_flag("match_uri_encoded_slash", apisix.match_uri_encoded_slash);
  section.read_flag("show_upstream_status_in_response_header",
                    apisix.show_upstream_status_in_response_header);
  section.read_flag("disable_upstream_healthcheck", apisix.disable_upstream_healthcheck);
  section.read_flag("tracing", apisix.tracing);
  section.read_flag("enable_resolv_search_opt", apisix.enable_resolv_search_opt);
  section.read_flag("disable_sync_configuration_during_start",
                    apisix.disable_sync_configuration_during_start);
  if (apisix.enable_dev_mode) apisix.enable_reuseport = false;
}

void read_id(const Section& section, Apisix& apisix, Report& report) {
  const Json& id = section.at("id");
  if (id.isNumeric()) apisix.id = format::to_json(id);
  section.read_text("id", apisix.id);
  if (!id.isNull() && !id.isNumeric() && !id.isString()) report.expected("apisix.id", "text", id);
}

}  // namespace

void build_apisix(const Json& merged, const std::string& prefix, Apisix& apisix, Report& report) {
  const Section section(at_path(merged, "apisix"));
  read_id(section, apisix, report);
  read_flags(section, apisix);
  read_proxy_mode(section, apisix);
  build_ssl(section.section("ssl"), prefix, apisix, report);
  section.section("control").read_text("router", apisix.control_router);
  section.section("router").read_text("http", apisix.router_http);
  std::int64_t post_args_mb = apisix.max_post_args_readable_bytes >> 20;
  section.read_integer("max_post_args_readable_size", post_args_mb);
  if (post_args_mb >= 0 && post_args_mb <= 1 << 20) apisix.max_post_args_readable_bytes = post_args_mb << 20;
  read_trusted_addresses(section, apisix);
  read_resolvers(section, apisix, report);
  section.read_seconds("dns_resolver_valid", apisix.dns_resolver_valid_ms);
  section.read_seconds("resolver_timeout", apisix.resolver_timeout_ms);
  const Section encryption = section.section("data_encryption");
  encryption.read_flag("enable_encrypt_fields", apisix.data_encryption.enable_encrypt_fields);
  read_keyring(encryption, apisix, report);
  build_proxy_cache(section, apisix, report);
  const Section lru = section.section("lru").section("secret");
  lru.read_seconds("ttl", apisix.lru_secret.ttl_ms);
  lru.read_integer("count", apisix.lru_secret.count);
  lru.read_seconds("neg_ttl", apisix.lru_secret.neg_ttl_ms);
  lru.read_integer("neg_count", apisix.lru_secret.neg_count);
  section.read_seconds("worker_startup_time_threshold", apisix.worker_startup_time_threshold_ms);
  read_lua(section, apisix, report);
}

}  // namespace apisix::settings
