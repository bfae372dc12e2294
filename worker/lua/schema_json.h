// JSON schemas that are Lua tables. A plugin writes them by hand, and api7's jsonschema reads only what it
// knows of a table: a list where a schema is expected says nothing, as do numbered items beside named ones.
// The gateway's checker wants real JSON.
#pragma once

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

// The schema at `index`, a table, with every list and object where a schema has one. Fails for one that is
// nested too deeply (kSchemaDepthMax), or whose values JSON cannot hold. May raise "not enough memory".
base::Result<format::Json> schema_json(lua_State* lua, int index);

// What is to be checked with a schema: as to_json(), without what JSON cannot hold (functions ...), which no
// schema speaks of.
base::Result<format::Json> checked_json(lua_State* lua, int index);

}  // namespace apisix::lua
