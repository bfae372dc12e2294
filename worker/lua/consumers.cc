// gateway.consumer: the consumers that configure an auth plugin, for apisix.consumer.
#include <string>

#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/plugin/consumer.h"

namespace apisix::lua {
namespace {

plugin::ConsumerDirectory& directory_of(lua_State* lua) {
  return State::of(lua).deps().consumers;
}

void set_text(lua_State* lua, const char* name, const std::string& text) {
  if (text.empty()) return;
  push(lua, text);
  lua_setfield(lua, -2, name);
}

// The stored object with what APISIX adds to it.
void push_consumer(lua_State* lua, const plugin::Consumer& consumer) {
  const format::Json value = directory_of(lua).value_of(consumer.username);
  value.isObject() ? push_json(lua, value) : lua_newtable(lua);
  set_text(lua, "username", consumer.username);
  set_text(lua, "consumer_name", consumer.username);
  set_text(lua, "id", consumer.username);
  set_text(lua, "group_id", consumer.group_id);
  set_text(lua, "custom_id", consumer.custom_id);
}

// Grows with every change of the consumers.
int version(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(directory_of(lua).version()));
  return 1;
}

// of_plugin(name) -> nodes: a table of every consumer, made anew
int of_plugin(lua_State* lua) {
  const std::string_view name = check_text(lua, 1);
  lua_newtable(lua);
  int count = 0;
  directory_of(lua).each(name, [&](const base::Ref<const plugin::ConsumerAuth>& auth) {
    push_consumer(lua, *auth->consumer);
    set_text(lua, "credential_id", auth->credential_id);
    push_json(lua, auth->conf);
    lua_setfield(lua, -2, "auth_conf");
    lua_rawseti(lua, -2, ++count);
  });
  return 1;
}

int by_name(lua_State* lua) {
  const auto consumer = directory_of(lua).find_by_name(check_text(lua, 1));
  if (!consumer) return 0;
  push_consumer(lua, *consumer);
  return 1;
}

// attach(username, credential): the consumer of the request.
int attach(lua_State* lua) {
  Binding& binding = binding_of(lua);
  const auto consumer = directory_of(lua).find_by_name(check_text(lua, 1));
  if (!consumer) return push_error(lua, "no such consumer");
  binding.request().identity().attach(consumer);
  lua_pushboolean(lua, 1);
  return 1;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "version", version);
  set_function(lua, "of_plugin", of_plugin);
  set_function(lua, "by_name", by_name);
  set_function(lua, "attach", attach);
  return 1;
}

}  // namespace

void open_consumers(lua_State* ngx) {
  preload(ngx, "gateway.consumer", load);
}

}  // namespace apisix::lua
