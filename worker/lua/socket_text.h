// What send() of sockets takes: texts, numbers, booleans, nil, and tables of them, nested.
#pragma once

#include <string>

#include "worker/lua/lua.h"

namespace apisix::lua {

// Appends the value at `index`. Raises a bad argument error about `argument` for anything else.
void append_text(lua_State* lua, int index, int argument, std::string& out);

}  // namespace apisix::lua
