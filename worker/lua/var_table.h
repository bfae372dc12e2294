// ctx.var as Lua holds it: a table, as in APISIX, for there are libraries that take nothing else
// (lua-resty-expr). All that it has is the handle of the request, under a key that no script can name.
#pragma once

#include "worker/lua/binding.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

// Pushes one with a handle that leads to no request.
Binding::Handle& push_var_table(lua_State* lua);
// Of the table at `index`; null for any other table.
Binding::Handle* find_handle(lua_State* lua, int index);

}  // namespace apisix::lua
