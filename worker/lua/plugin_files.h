// PluginFiles: the Lua plugins of a gateway: loads those that are enabled and have no native kind.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "worker/lua/kind.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class PluginFiles {
 public:
  explicit PluginFiles(plugin::Deps& deps) : deps_(deps) {}

  // The native kinds and one LuaKind for each enabled name that has a file. What does not load is logged, and
  // missing.
  std::vector<const plugin::PluginKind*> catalog(std::span<const plugin::PluginKind* const> native,
                                                 const std::vector<std::string>& enabled);

 private:
  const LuaKind* find(std::string_view name) const;
  const LuaKind* load(const std::string& name);

  plugin::Deps& deps_;
  std::vector<std::unique_ptr<LuaKind>> kinds_;  // of all times
};

}  // namespace apisix::lua
