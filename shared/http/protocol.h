// Protocol: the HTTP that a message is spoken in. A newer one compares greater.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

enum class Protocol : std::uint8_t { k10, k11, k2, k3 };

inline constexpr std::array<std::string_view, 4> kProtocolTexts{"HTTP/1.0", "HTTP/1.1", "HTTP/2.0",
                                                                "HTTP/3.0"};

// As nginx's $server_protocol has it: HTTP/2 is "HTTP/2.0".
constexpr std::string_view protocol_text(Protocol protocol) {
  return kProtocolTexts[static_cast<std::size_t>(protocol)];
}

}  // namespace apisix::http
