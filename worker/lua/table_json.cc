#include "worker/lua/table_json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "shared/format/built.h"

namespace apisix::lua {
namespace {

using format::Json;

constexpr int kDepthMax = 64;
constexpr double kWholeMax = 9007199254740992.0;  // 2^53
// Members of a schema that are lists: an empty table under these names is an empty list.
constexpr auto kLists = std::to_array<std::string_view>(
    {"required", "enum", "anyOf", "oneOf", "allOf", "encrypt_fields", "methods"});

Json number_json(double number) {
  const bool is_whole = std::floor(number) == number && std::fabs(number) <= kWholeMax;
  return is_whole ? Json(static_cast<::Json::Int64>(number)) : Json(number);
}

bool has_array_metatable(lua_State* lua, int index) {
  if (lua_getmetatable(lua, index) == 0) return false;
  luaL_getmetatable(lua, "cjson.array_mt");
  const bool is_array = lua_rawequal(lua, -1, -2) != 0;
  lua_pop(lua, 2);
  return is_array;
}

// Whole keys from 1 without a gap.
bool is_sequence(lua_State* lua, int index) {
  const std::size_t length = lua_objlen(lua, index);
  if (length == 0) return false;
  std::size_t members = 0;
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) ++members;
  return members == length;
}

base::Result<Json> read(lua_State* lua, int index, int depth);

base::Result<Json> read_array(lua_State* lua, int index, int depth) {
  Json out(::Json::arrayValue);
  const auto length = static_cast<int>(lua_objlen(lua, index));
  for (int i = 1; i <= length; ++i) {
    lua_rawgeti(lua, index, i);
    auto item = read(lua, lua_gettop(lua), depth + 1);
    lua_pop(lua, 1);
    if (!item) return item;
    out.append(std::move(*item));
  }
  return out;
}

// The key at -2, as text; empty: it is of another type.
std::string key_text(lua_State* lua) {
  if (lua_type(lua, -2) != LUA_TNUMBER) return std::string(text_at(lua, -2));
  lua_pushvalue(lua, -2);  // lua_next needs the number itself
  std::string text = lua_tostring(lua, -1);
  lua_pop(lua, 1);
  return text;
}

base::Result<Json> read_object(lua_State* lua, int index, int depth) {
  Json out(::Json::objectValue);
  for (lua_pushnil(lua); lua_next(lua, index) != 0; lua_pop(lua, 1)) {
    const int key_type = lua_type(lua, -2);
    if (key_type != LUA_TSTRING && key_type != LUA_TNUMBER) {
      lua_pop(lua, 2);
      return base::invalid("Cannot serialise table: table key must be a number or string");
    }
    const std::string key = key_text(lua);
    auto value = read(lua, lua_gettop(lua), depth + 1);
    if (!value) {
      lua_pop(lua, 2);
      return value;
    }
    const bool is_empty_list =
        value->isObject() && value->empty() && std::ranges::find(kLists, key) != kLists.end();
    out[key] = is_empty_list ? Json(::Json::arrayValue) : std::move(*value);
  }
  return out;
}

base::Result<Json> read(lua_State* lua, int index, int depth) {
  if (depth > kDepthMax || lua_checkstack(lua, 8) == 0) {
    return base::invalid("Cannot serialise, excessive depth (" + std::to_string(depth) + ")");
  }
  switch (lua_type(lua, index)) {
    case LUA_TNIL:
      return Json();
    case LUA_TBOOLEAN:
      return Json(lua_toboolean(lua, index) != 0);
    case LUA_TNUMBER:
      return number_json(lua_tonumber(lua, index));
    case LUA_TSTRING:
      return Json(std::string(text_at(lua, index)));
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(lua, index) == nullptr) return Json();
      break;
    case LUA_TTABLE:
      return has_array_metatable(lua, index) || is_sequence(lua, index) ? read_array(lua, index, depth)
                                                                        : read_object(lua, index, depth);
    default:
      break;
  }
  return base::invalid(std::string("Cannot serialise ") + luaL_typename(lua, index) + ": type not supported");
}

}  // namespace

base::Result<Json> json_of(lua_State* lua, int index) {
  if (index < 0) index = lua_gettop(lua) + index + 1;
  const int top = lua_gettop(lua);
  auto out = format::built([&] { return read(lua, index, 0); });
  lua_settop(lua, top);
  return out;
}

}  // namespace apisix::lua
