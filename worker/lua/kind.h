// LuaKind: a module "apisix.plugins.NAME" of the user as a kind of plugin, and LuaPlugin: one configuration
// of it, whose table all requests share, as in APISIX. A kind lives as long as the process, as every
// PluginKind; what it has of Lua is replaced by a reload, and dropped when the plugin is not enabled any
// more.
//
//   load() -> made of a module -> adopt(): of the same module, loaded anew -> retire(): it builds nothing
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "worker/lua/apis.h"
#include "worker/lua/hook.h"
#include "worker/lua/ref.h"
#include "worker/lua/state.h"
#include "worker/plugin/plugin.h"

namespace apisix::lua {

// What a plugin's module says.
struct LuaModule {
  std::string name;
  std::string schemas;  // see PluginKind::schemas()
  Ref table;            // what the module returned
  double version = 0;
  int priority = 0;
  std::uint32_t hooks = 0;  // bit (1 << plugin::Phase)
  bool is_auth = false;
  bool prefers_route = false;  // run_policy = "prefer_route"
  bool is_global = false;      // scope = "global"

  std::vector<LuaApi> apis;
  std::vector<LuaApi> control_apis;

  // require("apisix.plugins.NAME"), checked as APISIX checks it. The error is the line for error.log.
  static base::Result<LuaModule> load(State& state, const std::string& name);
};

class LuaKind final : public plugin::PluginKind {
 public:
  explicit LuaKind(std::unique_ptr<LuaModule> module);

  std::string_view schemas() const override { return module_->schemas; }
  base::Result<base::Ref<plugin::Plugin>> build(const format::Json& conf,
                                                const plugin::BuildContext& context) const override;
  // check_schema(conf, schema_type) of the module; what it fills in stays filled in.
  base::Status check(format::Json& conf, plugin::ConfScope scope,
                     const plugin::PluginSet& plugins) const override;

  const LuaModule& module() const { return *module_; }
  std::span<const plugin::PublicApi> public_apis() const override { return public_apis_; }

  // False: it says something else of itself, which takes a kind of its own.
  bool adopt(LuaKind& fresh);
  void retire();
  // The same when the whole worker ends, with what its APIs are kept in.
  void forget();
  // Makes its APIs reachable.
  void open_apis();
  // init() or destroy() of the module, where it has such.
  base::Status call(const char* function) const;

 private:
  base::Status check_table(const Ref& conf, plugin::ConfScope scope) const;

  const std::unique_ptr<LuaModule> module_;
  std::vector<plugin::PublicApi> public_apis_;
};

class LuaPlugin final : public plugin::Plugin {
 public:
  using Functions = std::array<Ref, plugin::kPhaseCount>;
  // `global_rule`: see Binding.
  LuaPlugin(Functions functions, Ref conf, std::uint64_t global_rule)
      : functions_(std::move(functions)), conf_(std::move(conf)), global_rule_(global_rule) {}

  // The table that its hooks get.
  const Ref& conf() const { return conf_; }

  // A filter of bodies has to announce itself with the head.
  bool has(plugin::Phase phase) const override {
    return static_cast<bool>(function(phase)) ||
           (phase == plugin::Phase::kHeaderFilter && function(plugin::Phase::kBodyFilter));
  }
  plugin::Step rewrite(plugin::Request& request) override;
  plugin::Step access(plugin::Request& request) override;
  plugin::Step before_proxy(plugin::Request& request) override;
  void header_filter(plugin::Request& request) override;
  void body_filter(plugin::Request& request, plugin::Body& body) override;
  void delayed_body_filter(plugin::Request& request, plugin::Body& body) override;
  void log(plugin::Request& request) override;

 private:
  const Ref& function(plugin::Phase phase) const { return functions_[static_cast<std::size_t>(phase)]; }

  const Functions functions_;
  const Ref conf_;
  const std::uint64_t global_rule_;
};

}  // namespace apisix::lua
