#include "shared/resolve/configured.h"

namespace apisix::resolve {

base::Result<ResolverConfig> configured_resolver(const settings::Settings& settings) {
  const auto& apisix = settings.apisix;
  ResolverConfig config;
  for (const std::string& server : apisix.dns_resolver) {
    auto parsed = parse_name_server(server);
    if (!parsed) return base::invalid("apisix.dns_resolver: " + parsed.error().what);
    config.nameservers.push_back(*parsed);
  }
  config.valid_ms = static_cast<std::uint64_t>(apisix.dns_resolver_valid_ms);
  config.enable_ipv6 = apisix.enable_ipv6;
  config.enable_search = apisix.enable_resolv_search_opt;
  return config;
}

}  // namespace apisix::resolve
