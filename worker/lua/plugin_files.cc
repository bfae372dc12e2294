#include "worker/lua/plugin_files.h"

#include <algorithm>

#include "shared/base/log.h"
#include "worker/lua/runtime.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::lua {
namespace {

// Plugins of APISIX that no one has written in Lua for this gateway are in the default list, and not worth a
// Lua state: only a user with a path of their own can have a file.
bool may_have_files(const plugin::Deps& deps) {
  return deps.lua != nullptr && (!deps.lua->path.empty() || !deps.lua->module_hook.empty());
}

}  // namespace

std::vector<const plugin::PluginKind*> PluginFiles::catalog(std::span<const plugin::PluginKind* const> native,
                                                            const std::vector<std::string>& enabled) {
  std::vector<const plugin::PluginKind*> all(native.begin(), native.end());
  if (!may_have_files(deps_)) return all;
  for (const std::string& name : enabled) {
    const bool is_native =
        std::ranges::any_of(native, [&](const auto* kind) { return kind->info().name == name; });
    if (is_native) continue;
    const LuaKind* kind = find(name);
    if (kind == nullptr) kind = load(name);
    if (kind != nullptr) all.push_back(kind);
  }
  return all;
}

const LuaKind* PluginFiles::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(kinds_, [&](const auto& kind) { return kind->info().name == name; });
  return found != kinds_.end() ? found->get() : nullptr;
}

const LuaKind* PluginFiles::load(const std::string& name) {
  auto state = deps_.shared<Runtime>().state();
  if (!state) {
    base::log_error("failed to load plugin [{}] err: {}", name, state.error().what);
    return nullptr;
  }
  auto module = (*state)->require("apisix.plugins." + name);
  if (!module) {
    base::log_error("failed to load plugin [{}] err: {}", name, module.error().what);
    return nullptr;
  }
  auto kind = LuaKind::make(name, std::move(*module));
  if (!kind) {
    base::log_error("failed to load plugin [{}] err: {}", name, kind.error().what);
    return nullptr;
  }
  kinds_.push_back(std::move(*kind));
  kinds_.back()->call("init");
  return kinds_.back().get();
}

}  // namespace apisix::lua
