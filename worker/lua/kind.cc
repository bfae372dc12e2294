#include "worker/lua/kind.h"

#include <utility>

#include <fmt/format.h>

#include "shared/base/log.h"
#include "shared/format/read.h"
#include "worker/lua/hook.h"
#include "worker/lua/json_value.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

using plugin::Step;

// plugin::Phase::kRequestBodyFilter has no counterpart in Lua.
constexpr std::array<std::pair<plugin::Phase, const char*>, 7> kHooks{
    {{plugin::Phase::kRewrite, "rewrite"},
     {plugin::Phase::kAccess, "access"},
     {plugin::Phase::kBeforeProxy, "before_proxy"},
     {plugin::Phase::kHeaderFilter, "header_filter"},
     {plugin::Phase::kBodyFilter, "body_filter"},
     {plugin::Phase::kDelayedBodyFilter, "delayed_body_filter"},
     {plugin::Phase::kLog, "log"}}};

constexpr std::uint32_t bit_of(plugin::Phase phase) {
  return 1u << static_cast<unsigned>(phase);
}

// One configuration of a Lua plugin: its table is shared by all requests, which may write into it, as in
// APISIX.
class LuaPlugin final : public plugin::Plugin {
 public:
  using Functions = std::array<Ref, plugin::kPhaseCount>;
  LuaPlugin(Ref conf, Functions functions) : conf_(std::move(conf)), functions_(std::move(functions)) {}

  // A piece of a body can only be replaced when no length was announced for it.
  bool has(plugin::Phase phase) const override {
    return static_cast<bool>(function(phase)) ||
           (phase == plugin::Phase::kHeaderFilter && function(plugin::Phase::kBodyFilter));
  }
  Step rewrite(plugin::Request& request) override { return wait(plugin::Phase::kRewrite, request); }
  Step access(plugin::Request& request) override { return wait(plugin::Phase::kAccess, request); }
  Step before_proxy(plugin::Request& request) override { return wait(plugin::Phase::kBeforeProxy, request); }
  void header_filter(plugin::Request& request) override {
    if (function(plugin::Phase::kBodyFilter)) announce_changes(request);
    if (const Ref& hook = function(plugin::Phase::kHeaderFilter)) {
      run_plain_hook(hook, conf_, Phase::kHeaderFilter, request);
    }
  }
  void body_filter(plugin::Request& request, plugin::Body& body) override {
    run_plain_hook(function(plugin::Phase::kBodyFilter), conf_, Phase::kBodyFilter, request, &body);
  }
  void delayed_body_filter(plugin::Request& request, plugin::Body& body) override {
    run_plain_hook(function(plugin::Phase::kDelayedBodyFilter), conf_, Phase::kBodyFilter, request, &body);
  }
  void log(plugin::Request& request) override {
    run_plain_hook(function(plugin::Phase::kLog), conf_, Phase::kLog, request);
  }

 private:
  const Ref& function(plugin::Phase phase) const { return functions_[static_cast<std::size_t>(phase)]; }
  Step wait(plugin::Phase phase, plugin::Request& request) {
    return run_hook(function(phase), conf_, request);
  }

  const Ref conf_;
  const Functions functions_;
};

// The member of the module at `index` as JSON; null when it has none.
base::Result<format::Json> member_json(lua_State* lua, int index, const char* name) {
  lua_getfield(lua, index, name);
  if (!lua_istable(lua, -1)) {
    lua_pop(lua, 1);
    return format::Json();
  }
  auto json = to_json(lua, lua_gettop(lua));
  lua_pop(lua, 1);
  return json;
}

base::Result<std::string> read_schemas(lua_State* lua, int module) {
  format::Json all(::Json::objectValue);
  for (const char* name : {"schema", "consumer_schema", "metadata_schema"}) {
    auto schema = member_json(lua, module, name);
    if (!schema) return base::invalid(fmt::format("{}: {}", name, schema.error().what));
    if (schema->isObject()) all[name] = std::move(*schema);
  }
  if (!all.isMember("schema")) all["schema"] = format::Json(::Json::objectValue);
  return format::to_json(all);
}

double member_number(lua_State* lua, int module, const char* name, double otherwise) {
  lua_getfield(lua, module, name);
  const double number = lua_type(lua, -1) == LUA_TNUMBER ? lua_tonumber(lua, -1) : otherwise;
  lua_pop(lua, 1);
  return number;
}

std::string member_text(lua_State* lua, int module, const char* name) {
  lua_getfield(lua, module, name);
  std::string text(text_at(lua, -1));
  lua_pop(lua, 1);
  return text;
}

// By what consumers of an auth plugin differ: the first member that their schema requires, else its
// first.
std::string read_consumer_key(const std::string& schemas) {
  const auto all = format::parse_json(schemas);
  if (!all) return {};
  const format::Json& schema = format::find_member(*all, "consumer_schema");
  const format::Json& required = format::find_member(schema, "required");
  if (required.isArray() && !required.empty()) return format::string_of(required[0]);
  const format::Json& properties = format::find_member(schema, "properties");
  return properties.isObject() && !properties.empty() ? properties.begin().name() : std::string{};
}

std::uint32_t read_hooks(lua_State* lua, int module) {
  std::uint32_t hooks = 0;
  for (const auto& [phase, name] : kHooks) {
    lua_getfield(lua, module, name);
    if (lua_isfunction(lua, -1)) hooks |= bit_of(phase);
    lua_pop(lua, 1);
  }
  if ((hooks & bit_of(plugin::Phase::kBodyFilter)) != 0) hooks |= bit_of(plugin::Phase::kHeaderFilter);
  return hooks;
}

// core.schema.TYPE_*.
int schema_type(plugin::ConfScope scope) {
  switch (scope) {
    case plugin::ConfScope::kConsumer:
      return 1;
    case plugin::ConfScope::kMetadata:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

base::Result<std::unique_ptr<LuaKind>> LuaKind::make(const std::string& name, Ref module) {
  lua_State* const lua = module.state()->main();
  const int top = lua_gettop(lua);
  module.push(lua);
  if (!lua_istable(lua, -1)) {
    lua_settop(lua, top);
    return base::invalid("the module gave no table");
  }
  const int table = lua_gettop(lua);
  lua_getfield(lua, table, "priority");
  const bool has_priority = lua_type(lua, -1) == LUA_TNUMBER;
  lua_pop(lua, 1);
  auto schemas = read_schemas(lua, table);
  plugin::PluginInfo info;
  info.priority = static_cast<int>(member_number(lua, table, "priority", 0));
  info.version = member_number(lua, table, "version", 0);
  info.is_auth = member_text(lua, table, "type") == "auth";
  info.prefers_route = member_text(lua, table, "run_policy") == "prefer_route";
  info.is_global = member_text(lua, table, "scope") == "global";
  const std::uint32_t hooks = read_hooks(lua, table);
  lua_settop(lua, top);
  if (!has_priority) return base::invalid("missing `priority`");
  if (info.version == 0) return base::invalid("missing `version`");
  if (!schemas) return std::unexpected(schemas.error());
  auto texts = std::make_unique<Texts>(Texts{name, std::move(*schemas), {}});
  info.name = texts->name;
  if (info.is_auth) {
    texts->consumer_key = read_consumer_key(texts->schemas);
    info.consumer_key = texts->consumer_key;
  }
  return std::unique_ptr<LuaKind>(new LuaKind(std::move(texts), info, hooks, std::move(module)));
}

LuaKind::LuaKind(std::unique_ptr<Texts> texts, const plugin::PluginInfo& info, std::uint32_t hooks,
                 Ref module)
    : PluginKind(info, hooks),
      texts_(std::move(texts)),
      schemas_(texts_->schemas),
      module_(std::move(module)) {}

base::Result<base::Ref<plugin::Plugin>> LuaKind::build(const format::Json& conf,
                                                       const plugin::BuildContext& context) const {
  State& state = *module_.state();
  lua_State* const lua = state.main();
  LuaPlugin::Functions functions;
  module_.push(lua);
  for (const auto& [phase, name] : kHooks) {
    lua_getfield(lua, -1, name);
    if (lua_isfunction(lua, -1)) {
      functions[static_cast<std::size_t>(phase)] = state.take(lua);
    } else {
      lua_pop(lua, 1);
    }
  }
  lua_pop(lua, 1);
  push_json(lua, conf);
  return base::Ref<plugin::Plugin>(new LuaPlugin(state.take(lua), std::move(functions)));
}

// check_schema(conf, type) of the module. It may fill in defaults: conf is what it leaves.
base::Status LuaKind::check(format::Json& conf, plugin::ConfScope scope, const plugin::PluginSet&) const {
  State& state = *module_.state();
  lua_State* const lua = state.main();
  const State::Entered entered(state, state.current());
  const int top = lua_gettop(lua);
  module_.push(lua);
  lua_getfield(lua, -1, "check_schema");
  if (!lua_isfunction(lua, -1)) {
    lua_settop(lua, top);
    return {};
  }
  push_json(lua, conf);
  lua_pushvalue(lua, -1);
  lua_insert(lua, top + 1);  // conf stays below the call
  if (scope == plugin::ConfScope::kResource) {
    lua_pushnil(lua);
  } else {
    lua_pushinteger(lua, schema_type(scope));
  }
  base::Status status;
  if (lua_pcall(lua, 2, 2, 0) != 0) {
    status = base::invalid(std::string(text_at(lua, -1)));
  } else if (lua_toboolean(lua, -2) == 0) {
    status =
        base::invalid(lua_isstring(lua, -1) != 0 ? std::string(text_at(lua, -1)) : "the plugin refuses it");
  } else if (auto checked = to_json(lua, top + 1)) {
    conf = std::move(*checked);
  }
  lua_settop(lua, top);
  return status;
}

void LuaKind::call(const char* function) const {
  State& state = *module_.state();
  lua_State* const lua = state.main();
  module_.push(lua);
  lua_getfield(lua, -1, function);
  lua_remove(lua, -2);
  if (!lua_isfunction(lua, -1)) {
    lua_pop(lua, 1);
    return;
  }
  Run run(state, Phase::kInitWorker, nullptr);
  lua_xmove(lua, run.thread(), 1);
  if (run.start(0) == Run::End::kError) {
    base::log_error("{}() of plugin {}: {}\n{}", function, info().name, run.error(), run.traceback());
  }
}

}  // namespace apisix::lua
