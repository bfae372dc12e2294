// JSON and Lua values. An array of JSON is a table with the metatable of cjson.array_mt, so that an empty one
// stays an array; null is cjson.null, a null light userdata; whole numbers stay exact to 2^53.
#pragma once

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

// Onto the stack. May raise "not enough memory": called below lua_pcall, or outside of Lua.
void push_json(lua_State* lua, const format::Json& value);
// The value at `index`, as encode_json() (json_text.h) takes it, errors included.
base::Result<format::Json> to_json(lua_State* lua, int index);

}  // namespace apisix::lua
