// Addresses as proxies write them into X-Forwarded-For and its kin, some with the port of the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/ip.h"

namespace apisix::plugin {

struct ForwardedAddress {
  base::IpAddress ip;
  std::optional<std::uint16_t> port;  // never 0
};

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", with white space around
// it. Nothing: no address, or a port that is none, as in nginx.
std::optional<ForwardedAddress> parse_forwarded_address(std::string_view text);

}  // namespace apisix::plugin
