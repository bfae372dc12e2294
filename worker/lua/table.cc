// What APISIX's LuaJIT has of Lua 5.2, and Debian's has not: table.pack, table.unpack, rawlen.
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

int pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  lua_createtable(lua, count, 1);
  lua_insert(lua, 1);
  for (int i = count; i > 0; --i) lua_rawseti(lua, 1, i);
  lua_pushinteger(lua, count);
  lua_setfield(lua, 1, "n");
  return 1;
}

int rawlen(lua_State* lua) {
  const int type = lua_type(lua, 1);
  luaL_argcheck(lua, type == LUA_TTABLE || type == LUA_TSTRING, 1, "table or string expected");
  lua_pushinteger(lua, static_cast<lua_Integer>(lua_objlen(lua, 1)));
  return 1;
}

}  // namespace

void open_table(lua_State* ngx) {
  lua_getglobal(ngx, "table");
  set_function(ngx, "pack", pack);
  lua_getglobal(ngx, "unpack");
  lua_setfield(ngx, -2, "unpack");
  lua_pop(ngx, 1);
  lua_pushcfunction(ngx, rawlen);
  lua_setglobal(ngx, "rawlen");
}

}  // namespace apisix::lua
