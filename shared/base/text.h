// Small text functions that every room needs. ASCII only: HTTP's rules, never the locale's.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace apisix::base {

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string to_lower(std::string_view text);
bool equals_ignore_case(std::string_view a, std::string_view b);
// Removes spaces and tabs at both ends (RFC 9110 OWS).
std::string_view trim(std::string_view text);
// Splits at every separator; empty parts are kept: split("a,,b", ',') has three.
std::vector<std::string_view> split(std::string_view text, char separator);

// The whole text as a decimal number; no sign for unsigned types, no spaces, no overflow.
template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}
// The whole text as a finite decimal number (no hex, inf or nan).
std::optional<double> parse_double(std::string_view text);

// Hash and equality for maps keyed by std::string and looked up by std::string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace apisix::base
