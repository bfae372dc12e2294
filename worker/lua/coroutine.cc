// coroutine.*: as OpenResty has it. A coroutine that the user made may wait as any other: resume and yield
// pass through the Run, which alone resumes coroutines. Where nothing may wait they are Lua's own.
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

// Upvalue: Lua's own function.
int call_own(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  return lua_gettop(lua);
}

Run* waiting_run(lua_State* lua) {
  Run* run = State::of(lua).current();
  return run != nullptr && run->may_wait() ? run : nullptr;
}

int resume(lua_State* lua) {
  Run* run = waiting_run(lua);
  if (run == nullptr) return call_own(lua);
  lua_State* callee = lua_tothread(lua, 1);
  luaL_argcheck(lua, callee != nullptr, 1, "coroutine expected");
  const bool is_new = lua_status(callee) == 0 && lua_gettop(callee) > 0;
  if (callee == lua || (lua_status(callee) != LUA_YIELD && !is_new) || run->is_running(callee)) {
    lua_pushboolean(lua, 0);
    lua_pushfstring(lua, "cannot resume %s coroutine",
                    callee == lua || run->is_running(callee) ? "running" : "dead");
    return 2;
  }
  return run->resume(lua);
}

int yield(lua_State* lua) {
  Run* run = waiting_run(lua);
  if (run == nullptr) return lua_yield(lua, lua_gettop(lua));
  if (run->coroutines().empty()) return luaL_error(lua, "attempt to yield outside a coroutine");
  return run->yield(lua);
}

int status(lua_State* lua) {
  const Run* run = waiting_run(lua);
  lua_State* asked = lua_tothread(lua, 1);
  luaL_argcheck(lua, asked != nullptr, 1, "coroutine expected");
  if (run == nullptr || !run->is_running(asked)) return call_own(lua);
  push(lua, asked == lua ? "running" : "normal");
  return 1;
}

constexpr const char* kWrap = R"lua(
local create, resume = ...
return function(f)
  local co = create(f)
  local function finish(ok, ...)
    if ok then return ... end
    error((...), 0)
  end
  return function(...) return finish(resume(co, ...)) end
end
)lua";

void replace(lua_State* lua, const char* name, lua_CFunction function) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

}  // namespace

void open_coroutine(lua_State* ngx) {
  lua_getglobal(ngx, "coroutine");
  replace(ngx, "resume", resume);
  replace(ngx, "yield", yield);
  replace(ngx, "status", status);
  if (luaL_loadbuffer(ngx, kWrap, std::char_traits<char>::length(kWrap), "=coroutine.wrap") != 0)
    lua_error(ngx);
  lua_getfield(ngx, -2, "create");
  lua_getfield(ngx, -3, "resume");
  lua_call(ngx, 2, 1);
  lua_setfield(ngx, -2, "wrap");
  lua_pop(ngx, 1);
}

}  // namespace apisix::lua
