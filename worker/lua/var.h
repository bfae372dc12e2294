// The request's variables as Lua values.
#pragma once

#include <string_view>

#include "worker/lua/lua.h"

namespace apisix::lua {

class Binding;

// What Lua wrote under the name in this request, else the gateway's variable as text; nil: unset.
void push_variable(lua_State* lua, Binding& binding, std::string_view name);
bool is_of_nginx_conf(std::string_view name);

}  // namespace apisix::lua
