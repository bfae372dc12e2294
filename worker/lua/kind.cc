#include "worker/lua/kind.h"

#include <utility>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "worker/lua/json_value.h"
#include "worker/lua/run.h"
#include "worker/lua/schema_json.h"
#include "worker/lua/usage.h"
#include "worker/plugin/compiled_schemas.h"

namespace apisix::lua {
namespace {

using format::Json;
using plugin::ConfScope;

std::string text_member(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  std::string text(text_at(lua, -1));
  lua_pop(lua, 1);
  return text;
}

constexpr std::uint32_t bit_of(plugin::Phase phase) {
  return 1u << static_cast<unsigned>(phase);
}

// request_body_filter is the gateway's own, for plugins in C++.
std::uint32_t hooks_of(lua_State* lua) {
  std::uint32_t hooks = 0;
  for (std::size_t i = 0; i < plugin::kPhaseCount; ++i) {
    const auto phase = static_cast<plugin::Phase>(i);
    if (phase == plugin::Phase::kRequestBodyFilter) continue;
    lua_getfield(lua, -1, plugin::name_of(phase).data());
    if (lua_isfunction(lua, -1)) hooks |= bit_of(phase);
    lua_pop(lua, 1);
  }
  // See LuaPlugin::has().
  if ((hooks & bit_of(plugin::Phase::kBodyFilter)) != 0) hooks |= bit_of(plugin::Phase::kHeaderFilter);
  return hooks;
}

// The table is on top. APISIX looks into the schemas only when check_schema() does: one that is none does not
// keep the plugin from loading, and then nothing is shown of any.
base::Result<std::string> schemas_of(lua_State* lua, const std::string& name) {
  Json out(::Json::objectValue);
  base::Status status;
  for (const char* member : {"schema", "consumer_schema", "metadata_schema"}) {
    lua_getfield(lua, -1, member);
    if (lua_istable(lua, -1)) {
      auto schema = schema_json(lua, lua_gettop(lua));
      out[member] = schema ? std::move(*schema) : Json(::Json::objectValue);
      if (!schema) status = std::unexpected(schema.error());
    }
    lua_pop(lua, 1);
  }
  if (!out.isMember("schema")) {
    return base::invalid(fmt::format("invalid plugin [{}] schema field is not a table", name));
  }
  Json& schema = out["schema"];
  if (!format::find_member(schema, "properties").isObject()) schema["properties"] = Json(::Json::objectValue);
  out[plugin::kChecksItself] = true;
  std::string text = format::to_json(out);
  if (auto compiled = plugin::CompiledSchemas::compile(text); !compiled)
    status = std::unexpected(compiled.error());
  if (status) return text;
  base::log_warn("plugin [{}] has a schema that is none: {}", name, status.error().what);
  return fmt::format(R"({{"schema":{{"type":"object","properties":{{}}}},"{}":true}})",
                     plugin::kChecksItself);
}

base::Result<LuaModule> read_module(lua_State* lua, const std::string& name) {
  LuaModule out;
  out.name = name;
  if (!lua_istable(lua, -1)) {
    return base::invalid(
        fmt::format("failed to load plugin [{}] err: the module returns a {}", name, luaL_typename(lua, -1)));
  }
  lua_getfield(lua, -1, "priority");
  lua_getfield(lua, -2, "version");
  const bool has_priority = lua_isnumber(lua, -2) != 0;
  const bool has_version = !lua_isnil(lua, -1);
  out.priority = static_cast<int>(lua_tointeger(lua, -2));
  out.version = lua_tonumber(lua, -1);
  lua_pop(lua, 2);
  if (!has_priority) return base::invalid(fmt::format("invalid plugin [{}], missing field: priority", name));
  if (!has_version) return base::invalid(fmt::format("invalid plugin [{}] missing field: version", name));
  auto schemas = schemas_of(lua, name);
  if (!schemas) return std::unexpected(schemas.error());
  out.schemas = std::move(*schemas);
  out.hooks = hooks_of(lua);
  out.is_auth = text_member(lua, "type") == "auth";
  out.prefers_route = text_member(lua, "run_policy") == "prefer_route";
  out.is_global = text_member(lua, "scope") == "global";
  return out;
}

// The module's table is on top.
base::Status read_offers(State& state, LuaModule& module) {
  auto apis = read_apis(state);
  auto control_apis = read_control_apis(state);
  const auto& fault = !apis ? apis : control_apis;
  if (!fault) {
    return base::invalid(fmt::format("failed to load plugin [{}] err: {}", module.name, fault.error().what));
  }
  module.apis = std::move(*apis);
  module.control_apis = std::move(*control_apis);
  return {};
}

plugin::PluginInfo info_of(const LuaModule& module) {
  return {.name = module.name,
          .priority = module.priority,
          .version = module.version,
          .is_auth = module.is_auth,
          .prefers_route = module.prefers_route,
          .is_global = module.is_global};
}

// core.schema.TYPE_CONSUMER and TYPE_METADATA.
int schema_type_of(ConfScope scope) {
  return scope == ConfScope::kConsumer ? 1 : scope == ConfScope::kMetadata ? 2 : 0;
}

// What check_schema() said: nothing against it, or why not.
base::Status verdict_of(Run& run) {
  lua_State* const lua = run.thread();
  if (lua_gettop(lua) > 0 && lua_toboolean(lua, 1) != 0) return {};
  std::string why(text_at(lua, 2));
  if (why.empty()) why = lua_isnoneornil(lua, 2) ? "check_schema returned false" : luaL_typename(lua, 2);
  return base::invalid(std::move(why));
}

base::Status status_of(Run& run, Run::End end) {
  if (end == Run::End::kReturned || end == Run::End::kExit) return {};
  if (end == Run::End::kError) return base::invalid(run.error() + "\n" + run.traceback());
  return base::invalid("it may not wait here");
}

}  // namespace

base::Result<LuaModule> LuaModule::load(State& state, const std::string& name) {
  auto table = state.require("apisix.plugins." + name);
  if (!table) {
    return base::invalid(fmt::format("failed to load plugin [{}] err: {}", name, table.error().what));
  }
  lua_State* const lua = state.main();
  table->push(lua);
  auto module = read_module(lua, name);
  if (module) {
    push(lua, name);
    lua_setfield(lua, -2, "name");
    push_json(lua, format::find_member(state.deps().plugin_attr, name));
    if (lua_touserdata(lua, -1) == nullptr && lua_islightuserdata(lua, -1)) {
      lua_pop(lua, 1);
    } else {
      lua_setfield(lua, -2, "attr");
    }
    module->table = std::move(*table);
    if (auto status = read_offers(state, *module); !status) {
      lua_pop(lua, 1);
      return std::unexpected(status.error());
    }
  }
  lua_pop(lua, 1);
  return module;
}

LuaKind::LuaKind(std::unique_ptr<LuaModule> module)
    : PluginKind(info_of(*module), module->hooks), module_(std::move(module)) {}

bool LuaKind::adopt(LuaKind& other) {
  LuaModule& fresh = *other.module_;
  const LuaModule& own = *module_;
  const bool is_alike = own.schemas == fresh.schemas && own.version == fresh.version &&
                        own.priority == fresh.priority && own.hooks == fresh.hooks &&
                        own.is_auth == fresh.is_auth && own.prefers_route == fresh.prefers_route &&
                        own.is_global == fresh.is_global;
  if (!is_alike) return false;
  retire();
  module_->table = std::move(fresh.table);
  module_->apis = std::move(fresh.apis);
  module_->control_apis = std::move(fresh.control_apis);
  return true;
}

void LuaKind::retire() {
  if (!module_->table) return;
  module_->table.state()->deps().shared<Apis>().release(module_->apis);
  forget();
}

void LuaKind::forget() {
  public_apis_.clear();
  module_->apis.clear();
  module_->control_apis.clear();
  module_->table.reset();
}

void LuaKind::open_apis() {
  if (!module_->table) return;
  auto taken = module_->table.state()->deps().shared<Apis>().take(module_->apis);
  if (!taken) return base::log_error("plugin {}: {}", module_->name, taken.error().what);
  public_apis_ = std::move(*taken);
}

base::Status LuaKind::call(const char* function) const {
  if (!module_->table) return {};
  State& state = *module_->table.state();
  Run run(state, Phase::kInitWorker, nullptr);
  run.set_usage(&state.deps().shared<UsageTable>().of(module_->name));
  module_->table.push(run.thread());
  lua_getfield(run.thread(), -1, function);
  lua_remove(run.thread(), 1);
  if (!lua_isfunction(run.thread(), 1)) return {};
  auto status = status_of(run, run.start(0));
  if (status) return {};
  return base::invalid(
      fmt::format("failed to load plugin [{}] err: {}(): {}", module_->name, function, status.error().what));
}

base::Status LuaKind::check_table(const Ref& conf, ConfScope scope) const {
  Run run(*conf.state(), Phase::kInit, nullptr);
  lua_State* const lua = run.thread();
  module_->table.push(lua);
  lua_getfield(lua, -1, "check_schema");
  lua_remove(lua, 1);
  if (!lua_isfunction(lua, 1)) return {};
  conf.push(lua);
  if (const int type = schema_type_of(scope); type != 0) {
    lua_pushinteger(lua, type);
  } else {
    lua_pushnil(lua);
  }
  const Run::End end = run.start(2);
  if (auto ended = status_of(run, end); !ended) {
    base::log_error("plugin {} check_schema: {}", module_->name, ended.error().what);
    return base::invalid(run.error().empty() ? ended.error().what : run.error());
  }
  return verdict_of(run);
}

base::Status LuaKind::check(Json& conf, ConfScope scope, const plugin::PluginSet&) const {
  if (!module_->table) return {};
  State& state = *module_->table.state();
  lua_State* const lua = state.main();
  push_json(lua, conf);
  const Ref table = state.take(lua);
  if (auto verdict = check_table(table, scope); !verdict) return verdict;
  table.push(lua);
  auto filled = to_json(lua, lua_gettop(lua));
  lua_pop(lua, 1);
  // A plugin may put into it what is no JSON; it does so again in build().
  if (filled && filled->isObject()) conf = std::move(*filled);
  return {};
}

base::Result<base::Ref<plugin::Plugin>> LuaKind::build(const Json& conf,
                                                       const plugin::BuildContext& context) const {
  if (!module_->table) return base::invalid("its Lua module is not loaded any more");
  State& state = *module_->table.state();
  lua_State* const lua = state.main();
  LuaPlugin::Functions functions;
  module_->table.push(lua);
  for (std::size_t i = 0; i < plugin::kPhaseCount; ++i) {
    if ((module_->hooks >> i & 1) == 0) continue;
    lua_getfield(lua, -1, plugin::name_of(static_cast<plugin::Phase>(i)).data());
    if (!lua_isfunction(lua, -1)) {
      lua_pop(lua, 1);
    } else {
      functions[i] = state.take(lua);
    }
  }
  lua_pop(lua, 1);
  push_json(lua, conf);
  Ref table = state.take(lua);
  table.set_usage(&state.deps().shared<UsageTable>().of(module_->name));
  // APISIX's workers check what they read of the store, and their hooks get what check_schema() made of
  // it: objects with metatables, functions, compiled rules.
  if (auto verdict = check_table(table, ConfScope::kResource); !verdict)
    return std::unexpected(verdict.error());
  return base::Ref<plugin::Plugin>(
      new LuaPlugin(std::move(functions), std::move(table), global_rule_of(context)));
}

plugin::Step LuaPlugin::rewrite(plugin::Request& request) {
  return run_hook(function(plugin::Phase::kRewrite), conf_, request, global_rule_);
}

plugin::Step LuaPlugin::access(plugin::Request& request) {
  return run_hook(function(plugin::Phase::kAccess), conf_, request, global_rule_);
}

plugin::Step LuaPlugin::before_proxy(plugin::Request& request) {
  return run_hook(function(plugin::Phase::kBeforeProxy), conf_, request, global_rule_);
}

void LuaPlugin::header_filter(plugin::Request& request) {
  if (function(plugin::Phase::kBodyFilter)) announce_changes(request);
  if (const Ref& hook = function(plugin::Phase::kHeaderFilter)) {
    run_plain_hook(hook, conf_, Phase::kHeaderFilter, request, nullptr, global_rule_);
  }
}

void LuaPlugin::body_filter(plugin::Request& request, plugin::Body& body) {
  run_plain_hook(function(plugin::Phase::kBodyFilter), conf_, Phase::kBodyFilter, request, &body,
                 global_rule_);
}

void LuaPlugin::delayed_body_filter(plugin::Request& request, plugin::Body& body) {
  run_plain_hook(function(plugin::Phase::kDelayedBodyFilter), conf_, Phase::kBodyFilter, request, &body,
                 global_rule_);
}

void LuaPlugin::log(plugin::Request& request) {
  run_plain_hook(function(plugin::Phase::kLog), conf_, Phase::kLog, request, nullptr, global_rule_);
}

}  // namespace apisix::lua
