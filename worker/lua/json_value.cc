#include "worker/lua/json_value.h"

#include <string>

#include "shared/format/read.h"
#include "worker/lua/json_text.h"

namespace apisix::lua {
namespace {

using format::Json;

void push_array(lua_State* lua, const Json& value) {
  lua_createtable(lua, static_cast<int>(value.size()), 0);
  int index = 0;
  for (const Json& item : value) {
    push_json(lua, item);
    lua_rawseti(lua, -2, ++index);
  }
  push_array_metatable(lua);
  lua_setmetatable(lua, -2);
}

void push_object(lua_State* lua, const Json& value) {
  lua_createtable(lua, 0, static_cast<int>(value.size()));
  for (auto member = value.begin(); member != value.end(); ++member) {
    push(lua, member.name());
    push_json(lua, *member);
    lua_rawset(lua, -3);
  }
}

}  // namespace

void push_json(lua_State* lua, const Json& value) {
  luaL_checkstack(lua, 8, "JSON is nested too deeply");
  switch (value.type()) {
    case ::Json::nullValue:
      return lua_pushlightuserdata(lua, nullptr);
    case ::Json::booleanValue:
      return lua_pushboolean(lua, format::is_true(value) ? 1 : 0);
    case ::Json::intValue:
    case ::Json::uintValue:
    case ::Json::realValue:
      return lua_pushnumber(lua, format::number_of(value));
    case ::Json::stringValue:
      return push(lua, format::string_of(value));
    case ::Json::arrayValue:
      return push_array(lua, value);
    case ::Json::objectValue:
      return push_object(lua, value);
  }
}

base::Result<Json> to_json(lua_State* lua, int index) {
  const auto text = encode_json(lua, index);
  if (!text) return std::unexpected(text.error());
  return format::parse_json(*text);
}

}  // namespace apisix::lua
