// Reading JSON values, whatever they are: nothing here throws, which the as...() of the JSON library do on a
// value of another type or out of range. They are used in this folder only (checked by tests/tidy).
//
// What is wrong with a configuration is said before, by its schema: readers need not say it again, and what
// they make of a value that passed no schema is defined.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "shared/format/json.h"

namespace apisix::format {

// Of a string its text, of a number or a boolean its JSON; "" for null, arrays and objects.
std::string string_of(const Json& value);

// JSON's true and no other value.
bool is_true(const Json& value);

// A number as it is, an infinite one as the largest; `otherwise` for everything that is none.
double number_of(const Json& value, double otherwise = 0);

namespace detail {

std::int64_t clamped_signed(const Json& value, std::int64_t min, std::int64_t max);
std::uint64_t clamped_unsigned(const Json& value, std::uint64_t min, std::uint64_t max);

}  // namespace detail

// A number cut to [min, max] and to what Integer holds, its fraction dropped; what is no number counts as 0.
template <std::integral Integer>
Integer clamped(const Json& value, std::type_identity_t<Integer> min = std::numeric_limits<Integer>::min(),
                std::type_identity_t<Integer> max = std::numeric_limits<Integer>::max()) {
  if constexpr (std::is_signed_v<Integer>) {
    return static_cast<Integer>(detail::clamped_signed(value, min, max));
  } else {
    return static_cast<Integer>(detail::clamped_unsigned(value, min, max));
  }
}

// A whole number (1e3 and 5.0 are) that Integer holds; nothing for every other value.
template <std::integral Integer>
std::optional<Integer> integer_of(const Json& value) {
  const bool fits = std::is_signed_v<Integer> ? value.isInt64() : value.isUInt64();
  if (!fits) return std::nullopt;
  using Wide = std::conditional_t<std::is_signed_v<Integer>, std::int64_t, std::uint64_t>;
  const Wide wide = clamped<Wide>(value);
  return std::in_range<Integer>(wide) ? std::optional(static_cast<Integer>(wide)) : std::nullopt;
}

}  // namespace apisix::format
