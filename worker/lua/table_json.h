// Tables of Lua as JSON: schemas of plugins, and configurations that a plugin has filled in. A table is an
// array when it has the metatable of cjson.array_mt, or whole numbers from 1 as its keys; else an object.
// Functions and whatever else JSON has no word for are an error.
#pragma once

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

// Of the value at `index`, which stays. Never raises while memory is not limited (outside of Lua).
base::Result<format::Json> json_of(lua_State* lua, int index);

}  // namespace apisix::lua
