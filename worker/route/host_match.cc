#include "worker/route/host_match.h"

#include <algorithm>

namespace apisix::route {

bool host_matches(std::string_view pattern, std::string_view host, std::string_view raw_host) {
  if (!raw_host.empty() && pattern.find(':') != std::string_view::npos) host = raw_host;
  if (pattern.starts_with('*')) return host.ends_with(pattern.substr(1));
  return host == pattern;
}

std::optional<std::string_view> find_matching_host(const TextList& patterns, std::string_view host,
                                                   std::string_view raw_host) {
  for (const std::string_view pattern : patterns) {
    if (host_matches(pattern, host, raw_host)) return pattern;
  }
  return std::nullopt;
}

bool address_in(std::span<const base::Cidr> blocks, const base::IpAddress& address) {
  return std::ranges::any_of(blocks, [&](const base::Cidr& block) { return block.contains(address); });
}

}  // namespace apisix::route
