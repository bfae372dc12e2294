// The one header that brings LuaJIT in, and small words for its stack.
//
// Rules of the room. A C function called from Lua may raise (luaL_error): LuaJIT unwinds C++ frames and runs
// their destructors, but no frame between may be noexcept. Code that the loop calls (the rest of a wait, a
// timer) must not raise: it runs outside every protected call. Memory that is refused there would end the
// process, so the limit on memory holds only while Lua runs (memory.h).
#pragma once

#include <cstddef>
#include <string_view>

#include <lua.hpp>

namespace apisix::lua {

inline void push(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

// nil, "text": how OpenResty's functions fail. Returns 2, the count of results.
inline int push_error(lua_State* lua, std::string_view text) {
  lua_pushnil(lua);
  push(lua, text);
  return 2;
}

// The text (or number, converted in place) at `index`. Raises a bad argument error for anything else. Valid
// as long as the value is on the stack.
inline std::string_view check_text(lua_State* lua, int index) {
  std::size_t bytes = 0;
  const char* data = luaL_checklstring(lua, index, &bytes);
  return {data, bytes};
}

// The text at `index`, which is one; "" for anything else. Never raises.
inline std::string_view text_at(lua_State* lua, int index) {
  std::size_t bytes = 0;
  if (lua_type(lua, index) != LUA_TSTRING) return {};
  const char* data = lua_tolstring(lua, index, &bytes);
  return {data, bytes};
}

// t[name] = value for the table on top; the value is what was pushed last.
inline void set_function(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, name);
}

// Fields of the table on top.
inline void set_number(lua_State* lua, const char* name, double number) {
  lua_pushnumber(lua, number);
  lua_setfield(lua, -2, name);
}

}  // namespace apisix::lua
