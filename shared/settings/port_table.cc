#include "shared/settings/port_table.h"

#include "shared/base/ip.h"

namespace apisix::settings {
namespace {

bool is_v6(std::string_view ip) {
  return ip.find(':') != ip.npos;
}

}  // namespace

std::optional<std::string> numeric_ip(std::string_view text) {
  if (text == "*") return std::string(kAnyV4);
  if (text == "localhost") return "127.0.0.1";
  const auto ip = base::IpAddress::parse(text);
  if (!ip) return std::nullopt;
  return ip->to_string();
}

bool addresses_overlap(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (is_v6(a) != is_v6(b)) return false;
  const std::string_view any = is_v6(a) ? kAnyV6 : kAnyV4;
  return a == any || b == any;
}

std::optional<std::string> PortTable::claim(Transport transport, std::string_view ip, std::uint16_t port,
                                            const std::string& purpose) {
  const std::uint32_t slot = port | (transport == Transport::kUdp ? 0x10000u : 0u);
  std::vector<Claim>& claims = claims_[slot];
  for (const Claim& other : claims) {
    if (addresses_overlap(other.ip, ip)) return other.purpose;
  }
  claims.push_back({std::string(ip), purpose});
  return std::nullopt;
}

}  // namespace apisix::settings
