#include "worker/route/host_match.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::route {
namespace {

bool matches_in_any_case(std::string_view pattern, std::string_view authority) {
  if (!pattern.starts_with('*')) return base::equals_ignore_case(authority, pattern);
  pattern.remove_prefix(1);
  return authority.size() >= pattern.size() &&
         base::equals_ignore_case(authority.substr(authority.size() - pattern.size()), pattern);
}

}  // namespace

bool host_matches(std::string_view pattern, std::string_view host, std::string_view authority) {
  if (!authority.empty() && pattern.find(':') != std::string_view::npos) {
    return matches_in_any_case(pattern, authority);
  }
  if (pattern.starts_with('*')) return host.ends_with(pattern.substr(1));
  return host == pattern;
}

std::optional<std::string_view> find_matching_host(const TextList& patterns, std::string_view host,
                                                   std::string_view authority) {
  for (const std::string_view pattern : patterns) {
    if (host_matches(pattern, host, authority)) return pattern;
  }
  return std::nullopt;
}

bool address_in(std::span<const base::Cidr> blocks, const base::IpAddress& address) {
  return std::ranges::any_of(blocks, [&](const base::Cidr& block) { return block.contains(address); });
}

}  // namespace apisix::route
