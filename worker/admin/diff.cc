#include "worker/admin/diff.h"

#include <set>

#include "shared/format/json_pointer.h"

namespace apisix::admin {
namespace {

using format::Json;

void add(const char* op, const std::string& path, const Json* before, const Json* after, Json& out) {
  Json& difference = out.append(Json(::Json::objectValue));
  difference["op"] = op;
  difference["path"] = path;
  if (before != nullptr) difference["old"] = *before;
  if (after != nullptr) difference["new"] = *after;
}

void compare(const std::string& path, const Json& before, const Json& after, Json& out);

void compare_members(const std::string& path, const Json& before, const Json& after, Json& out) {
  std::set<std::string> names;
  for (const Json* object : {&before, &after}) {
    for (std::string& name : object->getMemberNames()) names.insert(std::move(name));
  }
  for (const std::string& name : names) {
    const std::string member_path = path + format::pointer_step(name);
    if (!before.isMember(name)) {
      add("add", member_path, nullptr, &after[name], out);
    } else if (!after.isMember(name)) {
      add("remove", member_path, &before[name], nullptr, out);
    } else {
      compare(member_path, before[name], after[name], out);
    }
  }
}

void compare(const std::string& path, const Json& before, const Json& after, Json& out) {
  if (before == after) return;
  if (before.isObject() && after.isObject()) return compare_members(path, before, after, out);
  if (!before.isArray() || !after.isArray() || before.size() != after.size()) {
    return add("replace", path, &before, &after, out);
  }
  for (Json::ArrayIndex i = 0; i < before.size(); ++i) {
    compare(path + "/" + std::to_string(i), before[i], after[i], out);
  }
}

}  // namespace

Json diff_json(const Json* before, const Json* after) {
  Json out(::Json::arrayValue);
  if (before != nullptr && after != nullptr) {
    compare("", *before, *after, out);
  } else if (after != nullptr) {
    add("add", "", nullptr, after, out);
  } else if (before != nullptr) {
    add("remove", "", before, nullptr, out);
  }
  return out;
}

}  // namespace apisix::admin
