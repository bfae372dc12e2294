#include "shared/base/host_name.h"

#include "shared/base/text.h"

namespace apisix::base {

std::optional<std::size_t> find_end_dot(std::string_view authority) {
  // From the end: a port has five digits at most, and each request comes by here.
  std::size_t end = authority.size();
  while (end > 0 && authority[end - 1] >= '0' && authority[end - 1] <= '9') --end;
  end = end > 0 && authority[end - 1] == ':' ? end - 1 : authority.size();
  if (end < 2 || authority[end - 1] != '.' || authority[end - 2] == '.') return std::nullopt;
  return end - 1;
}

std::string comparable_host(std::string_view host) {
  std::string out = to_lower(host);
  if (const auto dot = find_end_dot(out); dot && out[*dot - 1] != '*') out.erase(*dot, 1);
  return out;
}

std::string_view server_name_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? authority.substr(1) : authority.substr(1, end - 1);
  }
  // More than one colon: an address without brackets.
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(':') == colon) authority = authority.substr(0, colon);
  if (authority.ends_with('.')) authority.remove_suffix(1);  // RFC 6066 3
  return authority;
}

}  // namespace apisix::base
