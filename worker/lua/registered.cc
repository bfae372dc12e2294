#include "worker/lua/registered.h"

#include <optional>
#include <string>

#include "shared/base/log.h"
#include "worker/lua/binding.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/runtime.h"
#include "worker/plugin/variables.h"

namespace apisix::lua {
namespace {

// {name = getter}, and of those that are asked once {"=name" = true}.
constexpr const char* kGetters = "apisix.registered_vars";

void push_getters(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kGetters);
  if (!lua_isnil(lua, -1)) return;
  lua_pop(lua, 1);
  lua_newtable(lua);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, LUA_REGISTRYINDEX, kGetters);
}

// For conditions, log formats and templates. What runs here cannot wait.
std::optional<std::string_view> read_for_gateway(void* context, plugin::RequestState& request,
                                                 std::string_view name) {
  State& state = *static_cast<State*>(context);
  lua_State* const main = state.main();
  push_getters(main);
  push(main, name);
  lua_rawget(main, -2);
  lua_remove(main, -2);
  if (!lua_isfunction(main, -1)) {
    lua_pop(main, 1);
    return std::nullopt;
  }
  Binding& binding = Binding::of(state, request);
  Run run(state, Phase::kLog, &binding);
  lua_xmove(main, run.thread(), 1);
  binding.push_ctx(run.thread());
  if (run.start(1) != Run::End::kReturned) {
    base::log_error("variable {}: {}", name, run.error());
    return std::nullopt;
  }
  if (run.results() == 0 || lua_tolstring(run.thread(), 1, nullptr) == nullptr) return std::nullopt;
  return request.arena.copy(text_at(run.thread(), 1));
}

// register_var(name, getter, is_asked_each_time)
int register_var(lua_State* lua) {
  const std::string_view name = check_text(lua, 1);
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  State& state = State::of(lua);
  push_getters(lua);
  push(lua, name);
  lua_pushvalue(lua, 2);
  lua_rawset(lua, -3);
  if (lua_toboolean(lua, 3) != 0) {
    push(lua, "=" + std::string(name));
    lua_pushboolean(lua, 1);
    lua_rawset(lua, -3);
  }
  plugin::Variables::set_registered({&read_for_gateway, &state});
  return 0;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "register_var", register_var);
  return 1;
}

}  // namespace

bool push_registered(lua_State* lua, Binding& binding, std::string_view name) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kGetters);
  if (lua_isnil(lua, -1)) {
    lua_pop(lua, 1);
    return false;
  }
  push(lua, "=" + std::string(name));
  lua_rawget(lua, -2);
  const bool is_asked_each_time = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 1);
  push(lua, name);
  lua_rawget(lua, -2);
  lua_remove(lua, -2);
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 1);
    return false;
  }
  binding.push_ctx(lua);
  lua_call(lua, 1, 1);
  if (!is_asked_each_time && !lua_isnil(lua, -1)) {
    binding.push_written(lua);
    push(lua, name);
    lua_pushvalue(lua, -3);
    lua_rawset(lua, -3);
    lua_pop(lua, 1);
  }
  return true;
}

void open_registered(lua_State* ngx) {
  preload(ngx, "gateway.ctx", load);
}

}  // namespace apisix::lua
