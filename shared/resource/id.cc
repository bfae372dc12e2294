#include "shared/resource/id.h"

#include <algorithm>
#include <cmath>

#include "shared/base/text.h"
#include "shared/format/read.h"
#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

constexpr std::size_t kIdBytesMax = 64;

bool is_id_character(char c) {
  return (base::to_lower(c) >= 'a' && base::to_lower(c) <= 'z') || base::is_digit(c) || c == '-' ||
         c == '_' || c == '.';
}

base::Status refuse_in(const format::Json& object, const std::string& path) {
  for (const char* name : {"create_time", "update_time"}) {
    const format::Json& member = format::find_member(object, name);
    const bool is_there =
        object.isObject() && object.isMember(name) && !(member.isBool() && !format::is_true(member));
    if (is_there) return base::invalid("the property is forbidden:  " + path + name);
  }
  return {};
}

}  // namespace

bool is_valid_id_text(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::ranges::all_of(id, is_id_character);
}

bool is_valid_id(const format::Json& id) {
  if (id.isString()) return is_valid_id_text(format::string_of(id));
  return id.isNumeric() && format::number_of(id) >= 1 &&
         std::floor(format::number_of(id)) == format::number_of(id);
}

base::Result<std::string> normalize_id(Kind kind, std::string_view path_id, bool needs_id,
                                       format::Json& body) {
  if (body.isNull()) return base::invalid("missing configurations");
  const KindInfo& info = info_of(kind);
  if (!info.has_body_id) return std::string(path_id);
  const std::string words(info.words);
  const format::Json& written = format::find_member(body, "id");
  const std::string written_id = id_text(written);
  std::string id = path_id.empty() ? written_id : std::string(path_id);
  const bool has_id = !path_id.empty() || !written.isNull();
  if (needs_id && !has_id) return base::invalid("missing " + words + " id");
  if (!needs_id && has_id) return base::invalid("wrong " + words + " id, do not need it");
  if (needs_id && !path_id.empty() && !written.isNull() && written_id != path_id) {
    return base::invalid("wrong " + words + " id");
  }
  if (!path_id.empty() && body.isObject()) body["id"] = id;
  return id;
}

base::Status refuse_timestamps(const format::Json& body) {
  if (auto status = refuse_in(body, ""); !status) return status;
  if (auto status = refuse_in(format::find_member(body, "upstream"), "upstream."); !status) return status;
  return refuse_in(format::find_member(body, "plugins"), "plugins.");
}

}  // namespace apisix::resource
