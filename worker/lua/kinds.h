// LuaKinds: the user's plugins among those that are enabled: the names that no native plugin has, or that
// lua.override lists, for which there is a file in the paths of Lua. One per worker:
// deps.shared<lua::LuaKinds>(). The objects are kept for the life of the process, since all that has a
// configuration refers to them; a plugin that is reloaded keeps its own.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "worker/lua/kind.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class LuaKinds {
 public:
  explicit LuaKinds(plugin::Deps& deps) : deps_(deps) {}
  ~LuaKinds();
  LuaKinds(const LuaKinds&) = delete;
  LuaKinds& operator=(const LuaKinds&) = delete;

  // `native` and the kinds of the user's plugins among `enabled`. A file that does not load is logged, and is
  // not among them. What is not enabled any more ends with its destroy().
  std::vector<const plugin::PluginKind*> catalog(std::span<const plugin::PluginKind* const> native,
                                                 const std::vector<std::string>& enabled);
  // A new State with every module loaded anew takes the place of the old one, in which running requests end.
  // Fails where one of them does not load now: then everything stays as it is. False: no Lua is in use.
  // True: every configuration must be built again.
  base::Result<bool> reload(std::span<const plugin::PluginKind* const> native,
                            const std::vector<std::string>& enabled);

  // Of control_api() of some plugin. Null: none has it.
  const LuaApi* find_control_api(std::string_view method, std::string_view path) const;
  // Of the plugins that are loaded.
  std::vector<std::string> names() const;

 private:
  bool is_lua(std::span<const plugin::PluginKind* const> native, const std::string& name) const;
  LuaKind* load(const std::string& name);
  void drop(const std::string& name);

  plugin::Deps& deps_;
  std::map<std::string, LuaKind*, std::less<>> in_force_;
  std::vector<std::string> enabled_;
};

}  // namespace apisix::lua
