#include "shared/resource/fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace apisix::resource {
namespace {

template <typename Integer>
Integer cut(double number) {
  if (number <= static_cast<double>(std::numeric_limits<Integer>::min())) {
    return std::numeric_limits<Integer>::min();
  }
  if (number >= static_cast<double>(std::numeric_limits<Integer>::max())) {
    return std::numeric_limits<Integer>::max();
  }
  return static_cast<Integer>(number);
}

}  // namespace

std::string text_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return member.isString() ? member.asString() : std::string();
}

std::string id_field(const Json& object, std::string_view name) {
  return id_text(format::find_member(object, name));
}

std::optional<bool> bool_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return member.isBool() ? std::optional(member.asBool()) : std::nullopt;
}

std::optional<std::uint32_t> count_of(const Json& value) {
  return value.isNumeric() ? std::optional(cut<std::uint32_t>(value.asDouble())) : std::nullopt;
}

std::optional<std::uint32_t> count_field(const Json& object, std::string_view name) {
  return count_of(format::find_member(object, name));
}

std::int32_t integer_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  return member.isNumeric() ? cut<std::int32_t>(member.asDouble()) : 0;
}

std::optional<std::uint32_t> milliseconds_field(const Json& object, std::string_view name) {
  const Json& member = format::find_member(object, name);
  if (!member.isNumeric()) return std::nullopt;
  const double seconds = member.asDouble();
  return seconds > 0 ? std::max(1U, cut<std::uint32_t>(std::round(seconds * 1000))) : 0;
}

std::vector<std::string> texts_field(const Json& object, std::string_view name) {
  std::vector<std::string> texts;
  const Json& member = format::find_member(object, name);
  if (!member.isArray()) return texts;
  texts.reserve(member.size());
  for (const Json& item : member) {
    if (item.isString()) texts.push_back(item.asString());
  }
  return texts;
}

std::unique_ptr<Json> take_field(Json& object, std::string_view name) {
  if (format::find_member(object, name).empty()) return nullptr;
  return std::make_unique<Json>(std::move(object[std::string(name)]));
}

std::string id_text(const Json& id) {
  if (id.isString()) return id.asString();
  return id.isNumeric() ? format::to_json(id) : std::string();
}

}  // namespace apisix::resource
