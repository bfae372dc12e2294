#include "worker/lua/ctx.h"

#include <array>
#include <string_view>

#include "shared/format/json.h"
#include "worker/lua/binding.h"
#include "worker/lua/fields.h"
#include "worker/lua/json_value.h"
#include "worker/lua/var.h"
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

constexpr std::array<Member, 14> kMembers{{{"route_id", push_route_id, false},
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
                                           {"conf_version", push_conf_version, false},
                                           {"req_post_args", push_post_args, true},
                                           {"jwt_auth_payload", push_jwt_payload, true}}};

// __index of ctx: its `var` leads to the request, and to nothing once that has ended.
int read_member(lua_State* lua) {
  const std::string_view name = text_at(lua, 2);
  for (const Member& member : kMembers) {
    if (member.name != name) continue;
    lua_pushliteral(lua, "var");
    lua_rawget(lua, 1);
    auto* handle = static_cast<Binding::Handle*>(lua_touserdata(lua, -1));
    if (handle == nullptr || handle->binding == nullptr) return 0;
    member.push(lua, *handle->binding);
    if (!member.is_fixed || lua_isnil(lua, -1)) return 1;
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, 1);
    return 1;
  }
  return 0;
}

}  // namespace

void fill_ctx(lua_State* lua, Binding& binding) {
  if (luaL_newmetatable(lua, "apisix.ctx") != 0) set_function(lua, "__index", read_member);
  lua_setmetatable(lua, -2);
}

}  // namespace apisix::lua
