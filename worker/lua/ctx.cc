// ctx (api_ctx), the table that hooks get. It is made empty: `var`, and what the gateway knows of the request
// (matched_route, route_id, consumer ...), come into being when they are first read.
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "shared/format/json.h"
#include "worker/lua/binding.h"
#include "worker/lua/fields.h"
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

// What prelude/gateway/objects.lua makes of ctx, which is the first argument of the reading function.
void push_object(lua_State* lua, const char* function) {
  lua_getglobal(lua, "require");
  lua_pushliteral(lua, "gateway.objects");
  lua_call(lua, 1, 1);
  lua_getfield(lua, -1, function);
  lua_remove(lua, -2);
  lua_pushvalue(lua, 1);
  lua_call(lua, 1, 1);
}

void push_matched_route(lua_State* lua, Binding& binding) {
  if (binding.state().matched.route_id.empty()) return lua_pushnil(lua);
  push_object(lua, "matched_route");
}

void push_matched_service(lua_State* lua, Binding& binding) {
  if (binding.state().matched.service_id.empty()) return lua_pushnil(lua);
  push_object(lua, "matched_service");
}

// Once a node was picked, as in APISIX.
bool has_node(Binding& binding) {
  return !binding.state().upstream.unresolved_host.empty();
}

void push_matched_upstream(lua_State* lua, Binding& binding) {
  if (!has_node(binding)) return lua_pushnil(lua);
  push_object(lua, "matched_upstream");
}

void push_upstream_scheme(lua_State* lua, Binding& binding) {
  has_node(binding) ? push(lua, binding.state().upstream.scheme) : lua_pushnil(lua);
}

void push_balancer_ip(lua_State* lua, Binding& binding) {
  const plugin::Attempt* attempt = binding.state().attempts.last;
  attempt != nullptr ? push(lua, attempt->ip.to_string()) : lua_pushnil(lua);
}

void push_balancer_port(lua_State* lua, Binding& binding) {
  const plugin::Attempt* attempt = binding.state().attempts.last;
  attempt != nullptr ? lua_pushinteger(lua, attempt->port) : lua_pushnil(lua);
}

// --- conf_type, conf_id, conf_version: whose configuration a hook has, by which it may keep what it makes of
// it. In a global rule that is the rule, else the route with what is merged into it, the consumer once one is
// known.

constexpr lua_Integer kGlobalRuleId = 1;  // of all rules together, in APISIX

bool has_consumer(Binding& binding) {
  const plugin::MatchedRevisions* revisions = binding.state().matched.revisions;
  return revisions != nullptr && consumer_of(binding) != nullptr;
}

void push_conf_type(lua_State* lua, Binding& binding) {
  if (binding.global_rule() != 0) return lua_pushliteral(lua, "global_rule");
  std::string type = binding.state().matched.service_id.empty() ? "route" : "route&service";
  if (has_consumer(binding)) {
    type += "&consumer";
    if (!consumer_of(binding)->group_id.empty()) type += "&consumer_group";
  }
  push(lua, type);
}

void push_conf_id(lua_State* lua, Binding& binding) {
  if (binding.global_rule() != 0) return lua_pushinteger(lua, kGlobalRuleId);
  const plugin::Matched& matched = binding.state().matched;
  if (matched.route_id.empty()) return lua_pushnil(lua);
  std::string id(matched.route_id);
  if (!matched.service_id.empty()) id.append("&").append(matched.service_id);
  if (has_consumer(binding)) {
    id += "&" + consumer_of(binding)->username;
    if (!consumer_of(binding)->group_id.empty()) id += "&" + consumer_of(binding)->group_id;
  }
  push(lua, id);
}

// Of a route alone it is a number.
void push_conf_version(lua_State* lua, Binding& binding) {
  if (binding.global_rule() != 0) return lua_pushnumber(lua, static_cast<double>(binding.global_rule()));
  const plugin::MatchedRevisions* revisions = binding.state().matched.revisions;
  if (revisions == nullptr) return lua_pushnil(lua);
  if (revisions->plugin_config == 0 && revisions->service == 0 && !has_consumer(binding))
    return lua_pushnumber(lua, static_cast<double>(revisions->route));
  std::string version = std::to_string(revisions->route);
  if (revisions->plugin_config != 0) version += "#" + std::to_string(revisions->plugin_config);
  if (revisions->service != 0) version += "&" + std::to_string(revisions->service);
  if (has_consumer(binding)) version += "&" + std::to_string(State::of(lua).deps().consumers.version());
  push(lua, version);
}

void push_var(lua_State* lua, Binding& binding) {
  binding.push_var(lua);
}

// Once the body was read: by a condition on post_arg_, or by a script.
void push_post_args(lua_State* lua, Binding& binding) {
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  const auto type = binding.request().headers().value(http::KnownHeader::kContentType);
  if (!binding.body() || !type.starts_with(kForm)) return lua_pushnil(lua);
  if (push_args(lua, *binding.body(), kListedMax) > 1) lua_pop(lua, 1);
}

// Left by jwt-auth with store_in_ctx.
void push_jwt_payload(lua_State* lua, Binding& binding) {
  const plugin::CustomVariable* found = binding.state().find_variable("jwt_auth_payload");
  const auto payload = format::parse_json(found != nullptr ? found->value : std::string_view("null"));
  payload && payload->isObject() ? push_json(lua, *payload) : lua_pushnil(lua);
}

struct Member {
  std::string_view name;
  void (*push)(lua_State* lua, Binding& binding);
  // The same for the whole request: it is kept in the table.
  bool is_fixed;
};

constexpr std::array<Member, 20> kMembers{{{"var", push_var, true},
                                           {"route_id", push_route_id, false},
                                           {"route_name", push_route_name, false},
                                           {"service_id", push_service_id, false},
                                           {"service_name", push_service_name, false},
                                           {"consumer_name", push_consumer_name, false},
                                           {"consumer_group_id", push_consumer_group_id, false},
                                           {"consumer", push_consumer, true},
                                           {"curr_req_matched", push_matched, true},
                                           {"matched_route", push_matched_route, true},
                                           {"matched_service", push_matched_service, true},
                                           {"matched_upstream", push_matched_upstream, true},
                                           {"upstream_scheme", push_upstream_scheme, false},
                                           {"req_post_args", push_post_args, true},
                                           {"balancer_ip", push_balancer_ip, false},
                                           {"balancer_port", push_balancer_port, false},
                                           {"conf_type", push_conf_type, false},
                                           {"conf_id", push_conf_id, false},
                                           {"conf_version", push_conf_version, false},
                                           {"jwt_auth_payload", push_jwt_payload, true}}};

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
