// api_ctx: the table that hooks get as `ctx`.
#pragma once

#include "worker/lua/lua.h"

namespace apisix::lua {

class Binding;

// For the table on top: its metatable, by which what the gateway knows of the request (matched_route,
// route_id, consumer ...) is made when it is first read.
void fill_ctx(lua_State* lua, Binding& binding);

}  // namespace apisix::lua
