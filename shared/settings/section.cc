#include "shared/settings/section.h"

#include <cmath>
#include <optional>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/settings/units.h"

namespace apisix::settings {
namespace {

// Beyond this a double no longer counts in ones.
constexpr double kExactMax = 9e15;

std::optional<double> number_of(const Json& value) {
  if (value.isNumeric()) return format::number_of(value);
  if (value.isString()) return base::parse_double(format::string_of(value));
  return std::nullopt;
}

std::optional<std::int64_t> size_of(const Json& value) {
  if (value.isInt64()) return format::clamped<std::int64_t>(value);
  if (value.isString()) return parse_size_bytes(format::string_of(value));
  return std::nullopt;
}

}  // namespace

void Section::read_flag(std::string_view name, bool& field) const {
  const Json& value = at(name);
  if (value.isBool()) field = format::is_true(value);
  if (value == "on") field = true;
  if (value == "off") field = false;
}

void Section::read_text(std::string_view name, std::string& field) const {
  const Json& value = at(name);
  if (value.isString()) field = format::string_of(value);
}

void Section::read_texts(std::string_view name, std::vector<std::string>& field) const {
  const Json& value = at(name);
  if (!value.isArray()) return;
  field.clear();
  for (const Json& element : value) {
    if (element.isString()) field.push_back(format::string_of(element));
  }
}

void Section::read_integer(std::string_view name, std::int64_t& field) const {
  const auto number = number_of(at(name));
  if (number && std::fabs(*number) < kExactMax) field = static_cast<std::int64_t>(*number);
}

void Section::read_seconds(std::string_view name, std::int64_t& field_ms) const {
  const Json& value = at(name);
  if (!value.isNumeric() || std::fabs(format::number_of(value)) * 1000 >= kExactMax) return;
  field_ms = static_cast<std::int64_t>(std::llround(format::number_of(value) * 1000));
}

void Section::read_duration(std::string_view name, std::int64_t& field_ms) const {
  const Json& value = at(name);
  if (!value.isString()) return read_seconds(name, field_ms);
  if (const auto parsed = parse_duration_ms(format::string_of(value))) field_ms = *parsed;
}

void Section::read_size(std::string_view name, std::int64_t& field_bytes) const {
  if (const auto bytes = size_of(at(name))) field_bytes = *bytes;
}

void Section::read_sizes(std::string_view name, std::map<std::string, std::int64_t>& sizes) const {
  const Json& zones = at(name);
  if (!zones.isObject()) return;
  for (auto zone = zones.begin(); zone != zones.end(); ++zone) {
    if (const auto bytes = size_of(*zone)) sizes[zone.name()] = *bytes;
  }
}

}  // namespace apisix::settings
