// Runtime: Lua in one process: the State in force, made when something first needs it. Shared by all plugins
// of the worker: deps.shared<lua::Runtime>().
#pragma once

#include <memory>
#include <utility>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/lua/cpu_watch.h"
#include "worker/lua/state.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

class Runtime {
 public:
  explicit Runtime(plugin::Deps& deps) : deps_(deps) {}

  // Made at the first call. Fails when the prelude or lua_module_hook does not load; asked again, it tries
  // again.
  base::Result<base::Ref<State>> state();
  // Another one, which is not in force: for a reload, which ends with adopt().
  base::Result<base::Ref<State>> make() const;
  void adopt(base::Ref<State> state) { state_ = std::move(state); }
  // False: nothing has needed Lua yet.
  bool is_in_use() const { return static_cast<bool>(state_); }

 private:
  plugin::Deps& deps_;
  base::Ref<State> state_;
  std::unique_ptr<CpuWatch> watch_;  // of the worker, from the first State on
};

}  // namespace apisix::lua
