#include "worker/lua/runtime.h"

#include "worker/plugin/lua_settings.h"

namespace apisix::lua {

base::Result<base::Ref<State>> Runtime::state() {
  if (state_) return state_;
  if (!watch_ && deps_.lua != nullptr && deps_.lua->cpu_limit_ms != 0) {
    watch_ = std::make_unique<CpuWatch>(deps_.lua->cpu_limit_ms, deps_.lua->stuck_code);
  }
  auto made = make();
  if (made) state_ = *made;
  return made;
}

base::Result<base::Ref<State>> Runtime::make() const {
  auto made = State::make(deps_);
  if (!made) return made;
  if (deps_.lua != nullptr && !deps_.lua->module_hook.empty()) {
    auto hook = (*made)->require(deps_.lua->module_hook);
    if (!hook) return base::invalid("lua_module_hook: " + hook.error().what);
  }
  return made;
}

}  // namespace apisix::lua
