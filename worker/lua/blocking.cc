// Calls that hold the whole worker: os.execute and io.popen always, reads of files when they take long. They
// work as in nginx, and the first of each plugin is logged with its place.
#include <cstring>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "worker/lua/modules.h"
#include "worker/lua/usage.h"

namespace apisix::lua {
namespace {

constexpr std::uint64_t kSlowUs = 20'000;
// Frames above the caller of the function: none, this one is the function.
constexpr int kCaller = 1;

std::string place_of_caller(lua_State* lua) {
  lua_Debug debug{};
  if (lua_getstack(lua, kCaller, &debug) == 0) return "?";
  lua_getinfo(lua, "Sl", &debug);
  return fmt::format("{}:{}", debug.short_src, debug.currentline);
}

void note(lua_State* lua, std::string_view name, std::uint64_t took_us) {
  Usage* usage = current_usage(lua);
  if (usage == nullptr) return;
  ++usage->blocked;
  if (std::exchange(usage->was_told_blocked, true)) return;
  base::log_warn("{}: {} holds the whole worker (it took {} ms); said once for plugin {}",
                 place_of_caller(lua), name, took_us / 1000, usage->name);
}

// Upvalues: the function that does it, its name, and whether it counts however short it is.
int call_and_note(lua_State* lua) {
  const int arguments = lua_gettop(lua);
  const std::uint64_t begun_us = base::monotonic_now_us();
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, arguments, LUA_MULTRET);
  const std::uint64_t took_us = base::monotonic_now_us() - begun_us;
  const bool always = lua_toboolean(lua, lua_upvalueindex(3)) != 0;
  if (always || took_us > kSlowUs) note(lua, text_at(lua, lua_upvalueindex(2)), took_us);
  return lua_gettop(lua);
}

// Of the table on top.
void watch(lua_State* lua, const char* member, const char* name, bool always) {
  lua_getfield(lua, -1, member);
  push(lua, name);
  lua_pushboolean(lua, always ? 1 : 0);
  lua_pushcclosure(lua, call_and_note, 3);
  lua_setfield(lua, -2, member);
}

}  // namespace

void open_blocking(lua_State* ngx) {
  lua_getglobal(ngx, "os");
  watch(ngx, "execute", "os.execute", true);
  lua_pop(ngx, 1);
  lua_getglobal(ngx, "io");
  watch(ngx, "popen", "io.popen", true);
  watch(ngx, "read", "io.read", false);
  lua_pop(ngx, 1);
  // Methods of files.
  luaL_getmetatable(ngx, LUA_FILEHANDLE);
  lua_getfield(ngx, -1, "__index");
  watch(ngx, "read", "file:read", false);
  watch(ngx, "write", "file:write", false);
  lua_pop(ngx, 2);
}

}  // namespace apisix::lua
