#include "worker/route/lua_number.h"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "shared/base/text.h"

namespace apisix::route {
namespace {

constexpr std::string_view kSpaces = " \t\n\v\f\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

std::optional<double> from_text(std::string_view text, std::chars_format format) {
  // A second sign is not a number, though from_chars takes one.
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, format);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // rare: strtod tells infinity from zero
    const std::string copy = (format == std::chars_format::hex ? "0x" : "") + std::string(text);
    value = std::strtod(copy.c_str(), nullptr);
  }
  return value;
}

std::optional<double> from_binary(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 2);
  if (digits.empty() || stop != end || error != std::errc{}) return std::nullopt;
  return static_cast<double>(value);
}

std::optional<double> magnitude(std::string_view text) {
  if (text.size() > 2 && text[0] == '0') {
    const char base = base::to_lower(text[1]);
    if (base == 'x') return from_text(text.substr(2), std::chars_format::hex);
    if (base == 'b') return from_binary(text.substr(2));
  }
  return from_text(text, std::chars_format::general);
}

}  // namespace

std::optional<double> to_lua_number(std::string_view text) {
  text = trimmed(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const auto value = magnitude(text);
  if (!value) return std::nullopt;
  return negative ? -*value : *value;
}

std::string lua_number_text(double number) {
  char buffer[40];
  const int size = std::snprintf(buffer, sizeof buffer, "%.14g", number);
  return {buffer, static_cast<std::size_t>(size)};
}

}  // namespace apisix::route
