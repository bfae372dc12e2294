// Variables that Lua registers (core.ctx.register_var): $name is what a function gives.
#pragma once

#include <string_view>

#include "worker/lua/lua.h"

namespace apisix::lua {

class Binding;

// Pushes the value of a registered variable; false, and nothing pushed: there is none of that name. Runs Lua:
// may raise.
bool push_registered(lua_State* lua, Binding& binding, std::string_view name);

}  // namespace apisix::lua
