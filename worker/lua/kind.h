// LuaKind: a plugin that is a Lua file. Made of the module apisix.plugins.NAME when a plugin is enabled that
// has no native kind; the module's table is the plugin: name, priority, schema, hooks. Kinds live as long as
// the process, since configurations and chains refer to them; a reload gives a kind new functions, not a new
// place.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "worker/lua/ref.h"
#include "worker/lua/state.h"
#include "worker/plugin/plugin.h"

namespace apisix::lua {

class LuaKind final : public plugin::PluginKind {
 public:
  // `module` is what require gave. The error says what the module lacks.
  static base::Result<std::unique_ptr<LuaKind>> make(const std::string& name, Ref module);

  std::string_view schemas() const override { return schemas_; }
  base::Result<base::Ref<plugin::Plugin>> build(const format::Json& conf,
                                                const plugin::BuildContext& context) const override;
  base::Status check(format::Json& conf, plugin::ConfScope scope,
                     const plugin::PluginSet& plugins) const override;

  const Ref& module() const { return module_; }
  // The module's function of that name, called without arguments: init(), destroy(). Errors are logged.
  void call(const char* function) const;

 private:
  // What info() refers to.
  struct Texts {
    std::string name;
    std::string schemas;
    std::string consumer_key;
  };
  LuaKind(std::unique_ptr<Texts> texts, const plugin::PluginInfo& info, std::uint32_t hooks, Ref module);

  const std::unique_ptr<Texts> texts_;
  const std::string_view schemas_;
  const Ref module_;
};

}  // namespace apisix::lua
