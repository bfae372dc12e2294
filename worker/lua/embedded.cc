#include "worker/lua/embedded.h"

#include <algorithm>
#include <string>

#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

// Upvalue: the EmbeddedFile. As any searcher's loader: gets the module's name.
int load_file(lua_State* lua) {
  const auto& file = *static_cast<const EmbeddedFile*>(lua_touserdata(lua, lua_upvalueindex(1)));
  if (luaL_loadbuffer(lua, file.text.data(), file.text.size(), std::string(file.chunk).c_str()) != 0) {
    return lua_error(lua);
  }
  lua_pushvalue(lua, 1);
  lua_call(lua, 1, 1);
  return 1;
}

// "apisix.plugins.NAME" of a plugin that the gateway has itself; false: it has none. Pushes the loader.
bool find_native_plugin(lua_State* lua, std::string_view name) {
  constexpr std::string_view kPrefix = "apisix.plugins.";
  if (!name.starts_with(kPrefix)) return false;
  lua_getglobal(lua, "require");
  push(lua, "gateway.native_plugin");
  lua_call(lua, 1, 1);
  lua_getfield(lua, -1, "loader");
  push(lua, name.substr(kPrefix.size()));
  lua_call(lua, 1, 1);
  return lua_isfunction(lua, -1);
}

// The last of package.loaders.
int search_standins(lua_State* lua) {
  const std::string_view name = check_text(lua, 1);
  const auto files = standin_files();
  const auto found = std::ranges::find(files, name, &EmbeddedFile::module);
  if (found == files.end()) {
    if (find_native_plugin(lua, name)) return 1;
    lua_pushfstring(lua, "\n\tno stand-in for '%s' in this gateway", lua_tostring(lua, 1));
    return 1;
  }
  lua_pushlightuserdata(lua, const_cast<EmbeddedFile*>(&*found));
  lua_pushcclosure(lua, load_file, 1);
  return 1;
}

}  // namespace

void open_embedded(lua_State* lua) {
  lua_getglobal(lua, "package");
  lua_getfield(lua, -1, "preload");
  for (const EmbeddedFile& file : prelude_files()) {
    lua_pushlightuserdata(lua, const_cast<EmbeddedFile*>(&file));
    lua_pushcclosure(lua, load_file, 1);
    lua_setfield(lua, -2, std::string(file.module).c_str());
  }
  lua_pop(lua, 1);
  lua_getfield(lua, -1, "loaders");
  lua_pushcfunction(lua, search_standins);
  lua_rawseti(lua, -2, static_cast<int>(lua_objlen(lua, -2)) + 1);
  lua_pop(lua, 2);
}

}  // namespace apisix::lua
