// ctx (api_ctx), the table that hooks get. It is made empty: `var`, and what the gateway knows of the request
// (matched_route, route_id, consumer ...), come into being when they are first read.
#include <array>
#include <cstddef>
#include <string_view>

#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"
#include "worker/plugin/consumer.h"

namespace apisix::lua {
namespace {

void push_unless_empty(lua_State* lua, std::string_view text) {
  if (text.empty()) return lua_pushnil(lua);
  push(lua, text);
}

void set_text(lua_State* lua, const char* name, std::string_view text) {
  if (text.empty()) return;
  push(lua, text);
  lua_setfield(lua, -2, name);
}

void push_route_id(lua_State* lua, Binding& binding) {
  push_unless_empty(lua, binding.state().matched.route_id);
}
void push_route_name(lua_State* lua, Binding& binding) {
  push_unless_empty(lua, binding.state().matched.route_name);
}
void push_service_id(lua_State* lua, Binding& binding) {
  push_unless_empty(lua, binding.state().matched.service_id);
}
void push_service_name(lua_State* lua, Binding& binding) {
  push_unless_empty(lua, binding.state().matched.service_name);
}

const plugin::Consumer* consumer_of(Binding& binding) {
  return binding.state().identity.consumer.get();
}

void push_consumer_name(lua_State* lua, Binding& binding) {
  const plugin::Consumer* consumer = consumer_of(binding);
  push_unless_empty(lua, consumer != nullptr ? std::string_view(consumer->username) : std::string_view{});
}

void push_consumer_group_id(lua_State* lua, Binding& binding) {
  const plugin::Consumer* consumer = consumer_of(binding);
  push_unless_empty(lua, consumer != nullptr ? std::string_view(consumer->group_id) : std::string_view{});
}

void push_consumer(lua_State* lua, Binding& binding) {
  const plugin::Consumer* consumer = consumer_of(binding);
  if (consumer == nullptr) return lua_pushnil(lua);
  lua_createtable(lua, 0, 8);
  set_text(lua, "username", consumer->username);
  set_text(lua, "consumer_name", consumer->username);
  set_text(lua, "group_id", consumer->group_id);
  set_text(lua, "custom_id", consumer->custom_id);
  push_json(lua, consumer->labels);
  lua_setfield(lua, -2, "labels");
  const auto& auth = binding.state().identity.auth;
  if (!auth) return;
  set_text(lua, "credential_id", auth->credential_id);
  push_json(lua, auth->conf);
  lua_setfield(lua, -2, "auth_conf");
}

// What the route's URI and host matched, and its captures.
void push_matched(lua_State* lua, Binding& binding) {
  const plugin::Matched& matched = binding.state().matched;
  lua_createtable(lua, 0, 4);
  set_text(lua, "_path", matched.path);
  set_text(lua, "_host", matched.host);
  set_text(lua, "_method", binding.request().method());
  for (std::size_t i = 0; i < matched.parameter_count; ++i) {
    push(lua, matched.parameters[i].name);
    push(lua, matched.parameters[i].value);
    lua_rawset(lua, -3);
  }
}

// matched_route: what plugins read of it.
void push_matched_route(lua_State* lua, Binding& binding) {
  const plugin::Matched& matched = binding.state().matched;
  if (matched.route_id.empty()) return lua_pushnil(lua);
  lua_createtable(lua, 0, 4);
  lua_createtable(lua, 0, 8);
  set_text(lua, "id", matched.route_id);
  set_text(lua, "name", matched.route_name);
  set_text(lua, "service_id", matched.service_id);
  set_text(lua, "uri", matched.path);
  lua_setfield(lua, -2, "value");
  lua_pushboolean(lua, 1);
  lua_setfield(lua, -2, "has_domain");
}

void push_conf_type(lua_State* lua, Binding& binding) {
  push(lua, binding.state().matched.service_id.empty() ? "route" : "route&service");
}

void push_conf_id(lua_State* lua, Binding& binding) {
  const plugin::Matched& matched = binding.state().matched;
  if (matched.service_id.empty()) return push_unless_empty(lua, matched.route_id);
  lua_pushfstring(lua, "%s&%s", std::string(matched.route_id).c_str(),
                  std::string(matched.service_id).c_str());
}

void push_conf_version(lua_State* lua, Binding&) {
  lua_pushinteger(lua, 1);
}

void push_var(lua_State* lua, Binding& binding) {
  binding.push_var(lua);
}

struct Member {
  std::string_view name;
  void (*push)(lua_State* lua, Binding& binding);
  // The same for the whole request: it is kept in the table.
  bool is_fixed;
};

constexpr std::array<Member, 13> kMembers{{{"var", push_var, true},
                                           {"route_id", push_route_id, false},
                                           {"route_name", push_route_name, false},
                                           {"service_id", push_service_id, false},
                                           {"service_name", push_service_name, false},
                                           {"consumer_name", push_consumer_name, false},
                                           {"consumer_group_id", push_consumer_group_id, false},
                                           {"consumer", push_consumer, true},
                                           {"curr_req_matched", push_matched, true},
                                           {"matched_route", push_matched_route, true},
                                           {"conf_type", push_conf_type, false},
                                           {"conf_id", push_conf_id, false},
                                           {"conf_version", push_conf_version, false}}};

// __index of ctx. Upvalue: name -> place in kMembers, from 1.
int read_member(lua_State* lua) {
  lua_pushvalue(lua, 2);
  lua_rawget(lua, lua_upvalueindex(1));
  const auto number = static_cast<std::size_t>(lua_tointeger(lua, -1));
  if (number == 0) return 0;
  const Member& member = kMembers[number - 1];
  Binding* const binding = Binding::of_ctx(lua, 1);
  if (binding != nullptr) {
    member.push(lua, *binding);
  } else if (member.push == push_var) {
    Binding::push_ended_var(lua);
  } else {
    return 0;
  }
  if (!member.is_fixed || lua_isnil(lua, -1)) return 1;
  lua_pushvalue(lua, 2);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, 1);
  return 1;
}

// fill(copy, ctx): the members that the copy of its fields lacks.
int fill(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checktype(lua, 2, LUA_TTABLE);
  lua_settop(lua, 2);
  for (const Member& member : kMembers) {
    push(lua, member.name);
    lua_rawget(lua, 1);
    if (lua_isnil(lua, -1)) {
      push(lua, member.name);
      push(lua, member.name);
      lua_gettable(lua, 2);
      lua_rawset(lua, 1);
    }
    lua_settop(lua, 2);
  }
  lua_settop(lua, 1);
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "fill", fill);
  State::of(lua).push_known(State::Known::kCtxMetatable, lua);
  lua_setfield(lua, -2, "metatable");
  return 1;
}

}  // namespace

void open_ctx(lua_State* ngx) {
  lua_newtable(ngx);
  lua_createtable(ngx, 0, static_cast<int>(kMembers.size()));
  for (std::size_t i = 0; i < kMembers.size(); ++i) {
    push(ngx, kMembers[i].name);
    lua_pushinteger(ngx, static_cast<lua_Integer>(i + 1));
    lua_rawset(ngx, -3);
  }
  lua_pushcclosure(ngx, read_member, 1);
  lua_setfield(ngx, -2, "__index");
  State::of(ngx).know(State::Known::kCtxMetatable, ngx);
  preload(ngx, "gateway.api_ctx", load);
}

}  // namespace apisix::lua
