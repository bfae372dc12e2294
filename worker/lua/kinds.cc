#include "worker/lua/kinds.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "shared/base/log.h"
#include "worker/lua/module_file.h"
#include "worker/lua/runtime.h"
#include "worker/plugin/lua_settings.h"

namespace apisix::lua {
namespace {

// All that were ever made in this process.
std::vector<std::unique_ptr<LuaKind>>& all_kinds() {
  static std::vector<std::unique_ptr<LuaKind>> kinds;
  return kinds;
}

std::string module_of(const std::string& plugin) {
  return "apisix.plugins." + plugin;
}

std::string_view path_of(const plugin::Deps& deps) {
  return deps.lua != nullptr ? std::string_view(deps.lua->path) : std::string_view();
}

// Without a path of the user there is no file to be missed: APISIX's list has plugins that this build lacks.
void log_no_file(const plugin::Deps& deps, const std::string& name) {
  if (path_of(deps).empty() || !plugin::find_plugin_schema(name).empty()) return;
  base::log_error("failed to load plugin [{}] err: module '{}' not found: it is looked for at {}", name,
                  module_of(name), fmt::join(candidate_files(path_of(deps), module_of(name)), ", "));
}

// Ready to be used: its init() has run.
base::Result<std::unique_ptr<LuaKind>> load_in(State& state, const std::string& name) {
  auto module = LuaModule::load(state, name);
  if (!module) return std::unexpected(module.error());
  auto kind = std::make_unique<LuaKind>(std::make_unique<LuaModule>(std::move(*module)));
  if (auto ready = kind->call("init"); !ready) return std::unexpected(ready.error());
  return kind;
}

// "/v1/plugin/x/*" has all paths below it.
bool is_path_of(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with('*')) return pattern == path;
  return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

LuaKinds::~LuaKinds() {
  for (const auto& [name, kind] : in_force_) kind->forget();
}

std::vector<std::string> LuaKinds::names() const {
  std::vector<std::string> out;
  for (const auto& [name, kind] : in_force_) out.push_back(name);
  return out;
}

const LuaApi* LuaKinds::find_control_api(std::string_view method, std::string_view path) const {
  for (const auto& [name, kind] : in_force_) {
    for (const LuaApi& api : kind->module().control_apis) {
      if (api.method == method && is_path_of(api.path, path)) return &api;
    }
  }
  return nullptr;
}

bool LuaKinds::is_lua(std::span<const plugin::PluginKind* const> native, const std::string& name) const {
  const bool is_native =
      std::ranges::any_of(native, [&](const plugin::PluginKind* kind) { return kind->info().name == name; });
  if (!is_native) return true;
  return deps_.lua != nullptr &&
         std::ranges::find(deps_.lua->override_native, name) != deps_.lua->override_native.end();
}

LuaKind* LuaKinds::load(const std::string& name) {
  auto state = deps_.shared<Runtime>().state();
  if (!state) {
    base::log_error("failed to load plugin [{}] err: {}", name, state.error().what);
    return nullptr;
  }
  auto kind = load_in(**state, name);
  if (!kind) {
    base::log_error("{}", kind.error().what);
    return nullptr;
  }
  all_kinds().push_back(std::move(*kind));
  return all_kinds().back().get();
}

void LuaKinds::drop(const std::string& name) {
  const auto found = in_force_.find(name);
  if (found == in_force_.end()) return;
  if (auto ended = found->second->call("destroy"); !ended) base::log_error("{}", ended.error().what);
  found->second->retire();
  in_force_.erase(found);
}

std::vector<const plugin::PluginKind*> LuaKinds::catalog(std::span<const plugin::PluginKind* const> native,
                                                         const std::vector<std::string>& enabled) {
  for (const std::string& name : std::exchange(enabled_, enabled)) {
    if (std::ranges::find(enabled, name) == enabled.end()) drop(name);
  }
  for (const std::string& name : enabled) {
    if (in_force_.contains(name) || !is_lua(native, name)) continue;
    if (find_plugin_file(path_of(deps_), name).empty()) {
      log_no_file(deps_, name);
    } else if (LuaKind* kind = load(name); kind != nullptr) {
      in_force_.emplace(name, kind);
      kind->open_apis();
    }
  }
  std::vector<const plugin::PluginKind*> out;
  for (const plugin::PluginKind* kind : native) {
    if (!in_force_.contains(kind->info().name)) out.push_back(kind);
  }
  for (const auto& [name, kind] : in_force_) out.push_back(kind);
  return out;
}

base::Result<bool> LuaKinds::reload(std::span<const plugin::PluginKind* const> native,
                                    const std::vector<std::string>& enabled) {
  auto& runtime = deps_.shared<Runtime>();
  if (!runtime.is_in_use()) return false;
  auto next = runtime.make();
  if (!next) return std::unexpected(next.error());
  std::vector<std::unique_ptr<LuaKind>> fresh;
  for (const std::string& name : enabled) {
    if (!is_lua(native, name) || find_plugin_file(path_of(deps_), name).empty()) continue;
    auto kind = load_in(**next, name);
    if (kind) {
      fresh.push_back(std::move(*kind));
    } else if (in_force_.contains(name)) {
      return std::unexpected(kind.error());
    } else {
      base::log_error("{}", kind.error().what);  // it did not load before
    }
  }
  for (const auto& [name, kind] : in_force_) {
    if (auto ended = kind->call("destroy"); !ended) base::log_error("{}", ended.error().what);
  }
  auto before = std::exchange(in_force_, {});
  for (auto& kind : fresh) {
    const std::string& name = kind->module().name;
    const auto known = before.find(name);
    if (known != before.end() && known->second->adopt(*kind)) {
      in_force_.emplace(name, known->second);
      before.erase(known);
    } else {
      in_force_.emplace(name, kind.get());
      all_kinds().push_back(std::move(kind));
    }
  }
  for (const auto& [name, kind] : before) kind->retire();
  for (const auto& [name, kind] : in_force_) kind->open_apis();
  auto old = runtime.state();
  runtime.adopt(*next);
  if (old) (*old)->close();
  return true;
}

}  // namespace apisix::lua
