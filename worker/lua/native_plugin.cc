// The module gateway.plugins: the gateway's own plugins, for scripts that require "apisix.plugins.NAME" of
// one: what it is, its check, and its hooks run on the request.
#include <functional>
#include <new>
#include <string>
#include <utility>

#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::lua {
namespace {

using PluginRef = base::Ref<plugin::Plugin>;
using async::Outcome;
using async::Step;

constexpr const char* kInstanceName = "gateway.plugin";

const plugin::PluginKind* kind_of(lua_State* lua, int index) {
  return State::of(lua).deps().directory.plugins().find_in_catalog(check_text(lua, index));
}

const plugin::PluginKind& check_kind(lua_State* lua, int index) {
  const plugin::PluginKind* const kind = kind_of(lua, index);
  if (kind == nullptr) luaL_argerror(lua, index, "no such plugin");
  return *kind;
}

plugin::ConfScope scope_at(lua_State* lua, int index) {
  const std::string_view name = text_at(lua, index);
  if (name == "consumer") return plugin::ConfScope::kConsumer;
  if (name == "metadata") return plugin::ConfScope::kMetadata;
  return plugin::ConfScope::kResource;
}

// describe(name) -> {name, version, priority, type, schema, consumer_schema, metadata_schema, hooks = {name =
// true}} | nil
int describe(lua_State* lua) {
  const plugin::PluginKind* const kind = kind_of(lua, 1);
  if (kind == nullptr || plugin::find_plugin_schema(kind->info().name).empty()) return 0;
  lua_createtable(lua, 0, 8);
  push(lua, kind->info().name);
  lua_setfield(lua, -2, "name");
  set_number(lua, "version", kind->info().version);
  set_number(lua, "priority", kind->info().priority);
  if (kind->info().is_auth) {
    push(lua, "auth");
    lua_setfield(lua, -2, "type");
  }
  const auto schemas = format::parse_json(kind->schemas());
  for (const char* const name : {"schema", "consumer_schema", "metadata_schema"}) {
    if (!schemas || !schemas->isMember(name)) continue;
    push_json(lua, (*schemas)[name]);
    lua_setfield(lua, -2, name);
  }
  lua_newtable(lua);
  for (std::size_t i = 0; i < plugin::kPhaseCount; ++i) {
    const auto phase = static_cast<plugin::Phase>(i);
    if (!kind->has(phase)) continue;
    lua_pushboolean(lua, 1);
    lua_setfield(lua, -2, std::string(plugin::name_of(phase)).c_str());
  }
  lua_setfield(lua, -2, "hooks");
  return 1;
}

int push_fault(lua_State* lua, std::string_view what) {
  lua_pushboolean(lua, 0);
  push(lua, what);
  return 2;
}

// check(name, conf, "consumer" | "metadata" | nil) -> true, the conf with defaults | false, why not
int check(lua_State* lua) {
  const plugin::PluginKind& kind = check_kind(lua, 1);
  auto conf = to_json(lua, 2);
  if (!conf) return push_fault(lua, conf.error().what);
  const plugin::PluginSet& plugins = State::of(lua).deps().directory.plugins();
  if (auto status = plugins.check_nested(kind, *conf, scope_at(lua, 3)); !status) {
    return push_fault(lua, status.error().what);
  }
  lua_pushboolean(lua, 1);
  push_json(lua, *conf);
  return 2;
}

int collect_instance(lua_State* lua) {
  static_cast<PluginRef*>(lua_touserdata(lua, 1))->~PluginRef();
  return 0;
}

// build(name, conf) -> an instance | nil, why not. The same configuration is the same one in all workers.
int build(lua_State* lua) {
  const plugin::PluginKind& kind = check_kind(lua, 1);
  plugin::Deps& deps = State::of(lua).deps();
  auto conf = to_json(lua, 2);
  if (!conf) return push_error(lua, conf.error().what);
  if (auto status = deps.directory.plugins().check_nested(kind, *conf); !status) {
    return push_error(lua, status.error().what);
  }
  const std::string text = format::to_json(*conf);
  const std::string resource = "/lua/" + std::to_string(std::hash<std::string>()(text));
  auto made = kind.build(*conf, {.deps = deps, .resource = resource, .plugin = kind.info().name});
  if (!made) return push_error(lua, made.error().what);
  new (lua_newuserdata(lua, sizeof(PluginRef))) PluginRef(std::move(*made));
  if (luaL_newmetatable(lua, kInstanceName) != 0) set_function(lua, "__gc", collect_instance);
  lua_setmetatable(lua, -2);
  return 1;
}

// What APISIX's functions return: nothing, or a status and a body.
int push_outcome(lua_State* lua, Outcome outcome, plugin::Request& request) {
  if (outcome == Outcome::kPass) return 0;
  const plugin::DirectResponse& response = request.response().rejection();
  lua_pushinteger(lua, response.status);
  if (response.is_error_page) return 1;
  push(lua, response.body);
  return 2;
}

// The arguments, among them the instance, stay on `lua`; so does the request, whose Binding has it too.
async::Task<int> finish(lua_State* lua, Step step, plugin::Request& request) {
  const Outcome outcome = co_await step;
  co_return push_outcome(lua, outcome, request);
}

int run_waiting(lua_State* lua, plugin::Plugin& instance, std::string_view hook, plugin::Request& request) {
  check_phase(lua, kWaitingPhases);
  Step step = async::pass();
  if (hook == "rewrite") {
    step = instance.rewrite(request);
  } else if (hook == "access") {
    step = instance.access(request);
  } else {
    step = instance.before_proxy(request);
  }
  if (step.done()) return push_outcome(lua, step.outcome(), request);
  return lua::wait(lua, finish(lua, std::move(step), request));
}

// run(instance, hook) -> nothing | status [, body]
int run(lua_State* lua) {
  const PluginRef& instance = *static_cast<PluginRef*>(luaL_checkudata(lua, 1, kInstanceName));
  const std::string_view hook = check_text(lua, 2);
  Binding& binding = binding_of(lua);
  binding.keep(instance);
  plugin::Request& request = binding.request();
  if (hook == "rewrite" || hook == "access" || hook == "before_proxy") {
    return run_waiting(lua, *instance, hook, request);
  }
  plugin::Body* const body = Run::of(lua).body();
  if (hook == "header_filter") {
    instance->header_filter(request);
  } else if (hook == "log") {
    instance->log(request);
  } else if (body != nullptr && hook == "body_filter") {
    instance->body_filter(request, *body);
  } else if (body != nullptr && hook == "delayed_body_filter") {
    instance->delayed_body_filter(request, *body);
  } else {
    return luaL_error(lua, "no hook that can run here");
  }
  return 0;
}

int load(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "describe", describe);
  set_function(lua, "check", check);
  set_function(lua, "build", build);
  set_function(lua, "run", run);
  return 1;
}

}  // namespace

void open_native_plugin(lua_State* ngx) {
  preload(ngx, "gateway.plugins", load);
}

}  // namespace apisix::lua
