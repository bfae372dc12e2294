#include "worker/lua/runtime.h"

#include "worker/plugin/lua_settings.h"

namespace apisix::lua {

base::Result<base::Ref<State>> Runtime::state() {
  if (state_) return state_;
  auto made = State::make(deps_);
  if (!made) return made;
  if (deps_.lua != nullptr && !deps_.lua->module_hook.empty()) {
    auto hook = (*made)->require(deps_.lua->module_hook);
    if (!hook) return base::invalid("lua_module_hook: " + hook.error().what);
  }
  state_ = *made;
  return state_;
}

}  // namespace apisix::lua
