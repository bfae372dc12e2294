// Runtime: Lua in one process: the State in force, made when something first needs it. Shared by all plugins
// of the worker: deps.shared<lua::Runtime>().
#pragma once

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/lua/state.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class Runtime {
 public:
  explicit Runtime(plugin::Deps& deps) : deps_(deps) {}

  // Made at the first call. Fails when the prelude or lua_module_hook does not load; asked again, it tries
  // again.
  base::Result<base::Ref<State>> state();
  // False: nothing has needed Lua yet.
  bool is_in_use() const { return static_cast<bool>(state_); }

 private:
  plugin::Deps& deps_;
  base::Ref<State> state_;
};

}  // namespace apisix::lua
