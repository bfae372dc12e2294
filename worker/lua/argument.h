// Arguments as OpenResty's functions take them.
#pragma once

#include <string_view>

#include "worker/lua/lua.h"

namespace apisix::lua {

// What tostring() makes of the value at `index`, put there in its place. May raise (__tostring).
inline std::string_view tostring_argument(lua_State* lua, int index) {
  if (lua_type(lua, index) != LUA_TSTRING) {
    lua_getglobal(lua, "tostring");
    lua_pushvalue(lua, index);
    lua_call(lua, 1, 1);
    if (lua_type(lua, -1) != LUA_TSTRING) luaL_error(lua, "'tostring' must return a string to 'tostring'");
    lua_replace(lua, index);
  }
  return text_at(lua, index);
}

// The same, but "" for nil, false and an argument that is not there.
inline std::string_view text_argument(lua_State* lua, int index) {
  if (lua_toboolean(lua, index) == 0) return {};
  return tostring_argument(lua, index);
}

}  // namespace apisix::lua
