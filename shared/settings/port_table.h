// Which purpose has which port while the listeners of config.yaml are read: finds two that want the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace apisix::settings {

inline constexpr std::string_view kAnyV4 = "0.0.0.0";
inline constexpr std::string_view kAnyV6 = "::";

// The numeric form of "127.0.0.1", "::1", "[::1]", "*" and "localhost"; none for anything else.
std::optional<std::string> numeric_ip(std::string_view text);

// Whether a socket on one address keeps a socket on the other from having the same port. IPv6 sockets are
// opened for IPv6 only, so the families do not meet.
bool addresses_overlap(std::string_view a, std::string_view b);

enum class Transport : bool { kTcp, kUdp };

class PortTable {
 public:
  // The purpose that has `port` on an overlapping address already; the port is then not given again. None:
  // it was free and now belongs to `purpose`.
  std::optional<std::string> claim(Transport transport, std::string_view ip, std::uint16_t port,
                                   const std::string& purpose);

 private:
  struct Claim {
    std::string ip;
    std::string purpose;
  };
  std::unordered_map<std::uint32_t, std::vector<Claim>> claims_;  // by transport and port
};

}  // namespace apisix::settings
