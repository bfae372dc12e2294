#include "worker/plugins/limit/limit_number.h"

#include <cmath>
#include <string>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "worker/plugin/request.h"

namespace apisix::plugins {
namespace {

constexpr std::int64_t kSafeIntegerMax = (std::int64_t{1} << 53) - 1;

}  // namespace

LimitNumber::LimitNumber(const format::Json& value, bool allows_zero)
    : is_constant_(!value.isString()), allows_zero_(allows_zero) {
  if (value.isString()) text_ = plugin::Template(format::string_of(value));
  if (value.isNumeric()) number_ = format::clamped<std::int64_t>(value, 0, kSafeIntegerMax);
}

base::Result<std::int64_t> LimitNumber::resolve(plugin::Request& request) const {
  const std::string text(base::trim(text_.expand(request)));
  const auto number = base::parse_double(text);
  if (!number) return base::invalid("resolved value is not a number: " + text);
  if (allows_zero_ && *number < 0) {
    return base::invalid("resolved value must be a non-negative number, got: " + text);
  }
  if (!allows_zero_ && *number <= 0) {
    return base::invalid("resolved value must be a positive number, got: " + text);
  }
  if (*number != std::floor(*number)) {
    return base::invalid("resolved value must be an integer, got: " + text);
  }
  if (*number > static_cast<double>(kSafeIntegerMax)) {
    return base::invalid("resolved value exceeds safe integer range (2^53-1), got: " + text);
  }
  return static_cast<std::int64_t>(*number);
}

}  // namespace apisix::plugins
