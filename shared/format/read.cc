#include "shared/format/read.h"

#include <algorithm>
#include <cmath>

namespace apisix::format {
namespace {

// Both are exact: powers of two.
constexpr double kInt64End = 9223372036854775808.0;
constexpr double kUInt64End = 18446744073709551616.0;

}  // namespace

std::string string_of(const Json& value) {
  if (value.isString()) return value.asString();
  return value.isNumeric() || value.isBool() ? to_json(value) : std::string();
}

bool is_true(const Json& value) {
  return value.isBool() && value.asBool();
}

double number_of(const Json& value, double otherwise) {
  if (!value.isNumeric()) return otherwise;
  constexpr double kMax = std::numeric_limits<double>::max();
  return std::clamp(value.asDouble(), -kMax, kMax);
}

namespace detail {

std::int64_t clamped_signed(const Json& value, std::int64_t min, std::int64_t max) {
  if (value.isInt64()) return std::clamp<std::int64_t>(value.asInt64(), min, max);
  const double number = number_of(value);
  if (number >= kInt64End) return max;
  if (number < -kInt64End) return min;
  return std::clamp(static_cast<std::int64_t>(number), min, max);
}

std::uint64_t clamped_unsigned(const Json& value, std::uint64_t min, std::uint64_t max) {
  if (value.isUInt64()) return std::clamp<std::uint64_t>(value.asUInt64(), min, max);
  const double number = number_of(value);
  if (number >= kUInt64End) return max;
  if (number <= 0) return min;
  return std::clamp(static_cast<std::uint64_t>(number), min, max);
}

}  // namespace detail
}  // namespace apisix::format
