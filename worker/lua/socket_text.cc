#include "worker/lua/socket_text.h"

namespace apisix::lua {
namespace {

constexpr int kNestingMax = 100;

void append(lua_State* lua, int index, int argument, int depth, std::string& out);

void append_table(lua_State* lua, int table, int argument, int depth, std::string& out) {
  if (depth > kNestingMax || lua_checkstack(lua, 4) == 0)
    luaL_argerror(lua, argument, "tables nested too deeply");
  const auto count = static_cast<int>(lua_objlen(lua, table));
  for (int i = 1; i <= count; ++i) {
    lua_rawgeti(lua, table, i);
    append(lua, lua_gettop(lua), argument, depth + 1, out);
    lua_pop(lua, 1);
  }
}

void append(lua_State* lua, int index, int argument, int depth, std::string& out) {
  switch (lua_type(lua, index)) {
    case LUA_TSTRING:
      out += text_at(lua, index);
      return;
    case LUA_TNUMBER:
      lua_pushvalue(lua, index);
      lua_tostring(lua, -1);
      out += text_at(lua, -1);
      lua_pop(lua, 1);
      return;
    case LUA_TBOOLEAN:
      out += lua_toboolean(lua, index) != 0 ? "true" : "false";
      return;
    case LUA_TNIL:
      out += "nil";
      return;
    case LUA_TTABLE:
      return append_table(lua, index, argument, depth, out);
    default:
      lua_pushfstring(lua,
                      depth == 0 ? "string, number, boolean, nil, or array table expected, got %s"
                                 : "bad data type %s found",
                      luaL_typename(lua, index));
      luaL_argerror(lua, argument, lua_tostring(lua, -1));
  }
}

}  // namespace

void append_text(lua_State* lua, int index, int argument, std::string& out) {
  append(lua, index, argument, 0, out);
}

}  // namespace apisix::lua
