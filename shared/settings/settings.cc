#include "shared/settings/settings.h"

#include <algorithm>

#include "shared/base/check.h"
#include "shared/format/read.h"
#include "shared/settings/defaults.h"
#include "shared/settings/units.h"

namespace apisix::settings {
namespace {

std::map<std::string, std::int64_t> zone_sizes(const Json& section) {
  std::map<std::string, std::int64_t> sizes;
  const Json& zones = format::find_member(section, "lua_shared_dict");
  for (auto zone = zones.begin(); zone != zones.end(); ++zone) {
    const auto bytes = parse_size_bytes(format::string_of(*zone));
    CHECK(bytes.has_value());
    sizes[zone.name()] = *bytes;
  }
  return sizes;
}

const Json& default_nginx_config() {
  return format::find_member(default_config(), "nginx_config");
}

base::Cidr known_cidr(std::string_view text) {
  const auto cidr = base::Cidr::parse(text);
  CHECK(cidr.has_value());
  return *cidr;
}

}  // namespace

bool PeerSet::contains(const base::IpAddress& address) const {
  return std::ranges::any_of(networks, [&](const base::Cidr& network) { return network.contains(address); });
}

PeerSet NginxConfig::Http::default_real_ip_from() {
  return {{known_cidr("127.0.0.1")}, true};
}

std::vector<base::Cidr> Deployment::Admin::default_allow_admin() {
  return {known_cidr("127.0.0.0/24")};
}

std::map<std::string, std::int64_t> NginxConfig::Http::default_zones() {
  return zone_sizes(format::find_member(default_nginx_config(), "http"));
}

std::map<std::string, std::int64_t> NginxConfig::Stream::default_zones() {
  return zone_sizes(format::find_member(default_nginx_config(), "stream"));
}

std::map<std::string, std::int64_t> NginxConfig::default_meta_zones() {
  return zone_sizes(format::find_member(default_nginx_config(), "meta"));
}

std::vector<std::string> Settings::default_plugins() {
  std::vector<std::string> names;
  for (const Json& name : format::find_member(default_config(), "plugins"))
    names.push_back(format::string_of(name));
  return names;
}

Json Settings::default_plugin_attr() {
  return format::find_member(default_config(), "plugin_attr");
}

}  // namespace apisix::settings
