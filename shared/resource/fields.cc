#include "shared/resource/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "shared/format/read.h"

namespace apisix::resource {
namespace {

constexpr double kMillisecondsMax = std::numeric_limits<std::uint32_t>::max();  // 49 days

}  // namespace

std::string text_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return member.isString() ? format::string_of(member) : std::string();
}

std::string id_field(const Json& object, std::string_view name) {
  return id_text(format::find_member(object, name));
}

std::optional<bool> bool_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return member.isBool() ? std::optional(format::is_true(member)) : std::nullopt;
}

std::optional<std::uint32_t> count_of(const Json& value) {
  return value.isNumeric() ? std::optional(format::clamped<std::uint32_t>(value)) : std::nullopt;
}

std::optional<std::uint32_t> count_field(const Json& object, std::string_view name) {
  return count_of(format::find_member(object, name));
}

std::int32_t integer_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return format::clamped<std::int32_t>(member);
}

std::optional<std::uint32_t> milliseconds_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  if (!member.isNumeric()) return std::nullopt;
  const double seconds = format::number_of(member);
  if (seconds <= 0) return 0;
  return static_cast<std::uint32_t>(std::clamp(std::round(seconds * 1000), 1.0, kMillisecondsMax));
}

std::vector<std::string> texts_field(const Json& object, std::string_view name) {
  std::vector<std::string> texts;
  const Json& member = format::find_member(object, name);
  if (!member.isArray()) return texts;
  texts.reserve(member.size());
  for (const Json& item : member) {
    if (item.isString()) texts.push_back(format::string_of(item));
  }
  return texts;
}

std::unique_ptr<Json> take_field(Json& object, std::string_view name) {
  if (format::find_member(object, name).empty()) return nullptr;
  return std::make_unique<Json>(std::move(object[std::string(name)]));
}

std::string id_text(const Json& id) {
  if (id.isString()) return format::string_of(id);
  return id.isNumeric() ? format::to_json(id) : std::string();
}

}  // namespace apisix::resource
