#include "shared/base/host_name.h"

#include "shared/base/text.h"

namespace apisix::base {

std::optional<std::size_t> find_end_dot(std::string_view authority) {
  // The colons of an IPv6 address are in brackets, and no dot stands in front of them.
  const std::size_t end = authority.starts_with('[') ? authority.size() : authority.find(':');
  const std::string_view host = authority.substr(0, end);
  if (host.size() < 2 || host.back() != '.' || host[host.size() - 2] == '.') return std::nullopt;
  return host.size() - 1;
}

std::string comparable_host(std::string_view host) {
  std::string out = to_lower(host);
  if (const auto dot = find_end_dot(out); dot && out[*dot - 1] != '*') out.erase(*dot, 1);
  return out;
}

}  // namespace apisix::base
