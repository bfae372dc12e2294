// Request methods as a bit set. The names are those that a route may list; any other method has no bit and
// matches only routes that list none.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace apisix::route {

using MethodMask = std::uint16_t;

inline constexpr std::array<std::string_view, 10> kMethodNames = {
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE"};

// 0 for a method without a bit; case-sensitive, as methods are (RFC 9110 section 9.1).
constexpr MethodMask method_bit(std::string_view method) {
  for (std::size_t i = 0; i < kMethodNames.size(); ++i) {
    if (kMethodNames[i] == method) return static_cast<MethodMask>(1U << i);
  }
  return 0;
}

}  // namespace apisix::route
