#include "worker/admin/patch.h"

#include <algorithm>
#include <string>

#include "shared/base/text.h"
#include "shared/format/json_count.h"

namespace apisix::admin {
namespace {

using format::Json;

// "1" is the first element of an array, as in Lua.
Json* element_of(Json& array, std::string_view name, bool may_append) {
  const auto position = base::parse_integer<unsigned>(name);
  if (!position || *position == 0) return nullptr;
  if (*position <= array.size()) return &array[*position - 1];
  return may_append && *position == array.size() + 1 ? &array.append(Json()) : nullptr;
}

}  // namespace

void merge_patch(Json& target, const Json& patch) {
  for (auto member = patch.begin(); member != patch.end(); ++member) {
    const std::string name = member.name();
    if (member->isNull()) {
      target.removeMember(name);
    } else if (member->isObject() && target[name].isObject()) {
      merge_patch(target[name], *member);
    } else {
      target[name] = *member;
    }
  }
}

base::Status patch_sub_path(Json& target, std::string_view sub_path, const Json& value) {
  const auto segments = base::split(sub_path, '/');
  // The value is stored as JSON, and must be read again.
  const auto levels =
      format::kJsonDepthMax - static_cast<int>(std::min<std::size_t>(segments.size(), 1 << 10));
  if (levels < 0 || format::is_nested_deeper(value, levels)) {
    return base::invalid("nested deeper than " + std::to_string(format::kJsonDepthMax) + " levels");
  }
  Json* at = &target;
  std::string walked;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::string name(segments[i]);
    walked += "/" + name;
    if (at->isArray()) {
      at = element_of(*at, name, false);
    } else {
      Json& member = (*at)[name];
      if (member.isNull()) member = Json(::Json::objectValue);
      at = &member;
    }
    if (at == nullptr || (!at->isObject() && !at->isArray()))
      return base::invalid("invalid sub-path: " + walked);
  }
  const std::string last(segments.back());
  if (last.empty()) {
    target = value;
  } else if (at->isArray()) {
    Json* element = element_of(*at, last, true);
    if (element == nullptr) return base::invalid("invalid sub-path: /" + std::string(sub_path));
    *element = value;
  } else if (value.isNull()) {
    at->removeMember(last);
  } else {
    (*at)[last] = value;
  }
  return {};
}

}  // namespace apisix::admin
