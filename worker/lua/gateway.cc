// What the gateway's own Lua (prelude/) asks of it: the modules gateway.info, gateway.schema and
// gateway.data.
#include <cstdlib>
#include <string>

#include "shared/format/read.h"
#include "shared/format/schema.h"
#include "shared/resource/schemas.h"
#include "shared/resource/validate.h"
#include "worker/lua/binding.h"
#include "worker/lua/json_value.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"
#include "worker/lua/schema_json.h"
#include "worker/plugin/lua_settings.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::lua {
namespace {

// --- gateway.info

int config(lua_State* lua) {
  const plugin::Deps& deps = State::of(lua).deps();
  if (deps.lua != nullptr && deps.lua->load_config) {
    push_json(lua, deps.lua->load_config());
  } else {
    lua_newtable(lua);
  }
  return 1;
}

int set_environment(lua_State* lua) {
  const std::string name(check_text(lua, 1));
  const std::string value(check_text(lua, 2));
  lua_pushboolean(lua, ::setenv(name.c_str(), value.c_str(), 1) == 0 ? 1 : 0);
  return 1;
}

int load_info(lua_State* lua) {
  const plugin::Deps& deps = State::of(lua).deps();
  lua_newtable(lua);
  set_function(lua, "config", config);
  set_function(lua, "setenv", set_environment);
  push(lua, deps.prefix);
  lua_setfield(lua, -2, "prefix");
  if (deps.lua != nullptr) {
    push(lua, deps.lua->instance_id);
    lua_setfield(lua, -2, "instance_id");
  }
  return 1;
}

// --- gateway.schema

constexpr const char* kSchemaName = "gateway.schema";

int collect_schema(lua_State* lua) {
  static_cast<format::Schema*>(lua_touserdata(lua, 1))->~Schema();
  return 0;
}

// The compiled form of the schema table at 1, kept as long as the table (upvalue: a weak table).
base::Result<format::Schema*> compiled(lua_State* lua) {
  lua_pushvalue(lua, 1);
  lua_rawget(lua, lua_upvalueindex(1));
  if (!lua_isnil(lua, -1)) return static_cast<format::Schema*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  auto json = schema_json(lua, 1);
  if (!json) return std::unexpected(json.error());
  auto schema = format::Schema::compile(*json);
  if (!schema) return std::unexpected(schema.error());
  auto* kept = new (lua_newuserdata(lua, sizeof(format::Schema))) format::Schema(std::move(*schema));
  if (luaL_newmetatable(lua, kSchemaName) != 0) set_function(lua, "__gc", collect_schema);
  lua_setmetatable(lua, -2);
  lua_pushvalue(lua, 1);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, lua_upvalueindex(1));
  return kept;
}

// Members that the check has filled in go into the Lua table, which keeps its own tables and what JSON does
// not know. True: some of them is a table.
bool add_defaults(lua_State* lua, int table, const format::Json& checked) {
  luaL_checkstack(lua, 8, "JSON is nested too deeply");
  const bool is_list = checked.isArray();
  int index = 0;
  bool has_added_table = false;
  for (auto member = checked.begin(); member != checked.end(); ++member) {
    if (is_list) {
      lua_rawgeti(lua, table, ++index);
    } else {
      push(lua, member.name());
      lua_rawget(lua, table);
    }
    if (lua_isnil(lua, -1) && !is_list) {
      push(lua, member.name());
      push_json(lua, *member);
      has_added_table |= lua_istable(lua, -1);
      lua_rawset(lua, table);
    } else if (lua_istable(lua, -1) && (member->isObject() || member->isArray())) {
      has_added_table |= add_defaults(lua, lua_gettop(lua), *member);
    }
    lua_pop(lua, 1);
  }
  return has_added_table;
}

// check(schema, value) -> true | false, "why"; a schema that is none refuses everything
int check(lua_State* lua) {
  if (!lua_istable(lua, 1))
    return luaL_error(lua, "invalid schema: a table is expected, got %s", luaL_typename(lua, 1));
  const auto fail = [lua](const std::string& why) {
    lua_pushboolean(lua, 0);
    push(lua, why);
    return 2;
  };
  const auto schema = compiled(lua);
  if (!schema) return fail("invalid schema: " + schema.error().what);
  auto value = checked_json(lua, 2);
  if (!value) return fail(value.error().what);
  if (auto status = (*schema)->check(*value); !status) return fail(status.error().what);
  // A default is not looked into. APISIX checks an object when it is written, and again when a worker reads
  // it: then the members of such a default get theirs.
  const bool is_again = lua_istable(lua, 2) && add_defaults(lua, 2, *value);
  if (is_again && (*schema)->check(*value)) add_defaults(lua, 2, *value);
  lua_pushboolean(lua, 1);
  return 1;
}

// compile(schema) -> true | nil, "why"
int compile(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (const auto schema = compiled(lua); !schema) return push_error(lua, schema.error().what);
  lua_pushboolean(lua, 1);
  return 1;
}

// of(name) -> the schema of a kind of objects as a table: "route", "upstream" ...; nil: there is none
int schema_of_kind(lua_State* lua) {
  const auto json = format::parse_json(resource::find_schema_text(check_text(lua, 1)));
  if (!json) return 0;
  push_json(lua, *json);
  return 1;
}

int load_schema(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "of", schema_of_kind);
  lua_newtable(lua);  // schema table -> compiled
  lua_newtable(lua);
  push(lua, "k");
  lua_setfield(lua, -2, "__mode");
  lua_setmetatable(lua, -2);
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, check, 1);
  lua_setfield(lua, -3, "check");
  lua_pushcclosure(lua, compile, 1);
  lua_setfield(lua, -2, "compile");
  return 1;
}

// --- gateway.data

int plugin_attr(lua_State* lua) {
  const std::string name(check_text(lua, 1));
  const format::Json& attr = format::find_member(State::of(lua).deps().plugin_attr, name.c_str());
  attr.isNull() ? lua_pushnil(lua) : push_json(lua, attr);
  return 1;
}

// plugin_metadata(name, known) -> value, version; nil for a value of the version `known`.
int plugin_metadata(lua_State* lua) {
  const auto metadata = State::of(lua).deps().directory.metadata(check_text(lua, 1));
  if (!metadata) return 0;
  const bool is_known =
      !lua_isnoneornil(lua, 2) && lua_tonumber(lua, 2) == static_cast<double>(metadata->version);
  is_known ? lua_pushnil(lua) : push_json(lua, metadata->value);
  lua_pushnumber(lua, static_cast<double>(metadata->version));
  return 2;
}

// choose_upstream(id) or choose_upstream(key, conf): where the request goes.
int choose_upstream(lua_State* lua) {
  check_phase(lua, kWaitingPhases);
  Binding& binding = binding_of(lua);
  plugin::Directory& directory = State::of(lua).deps().directory;
  const std::string key(check_text(lua, 1));
  if (lua_isnoneornil(lua, 2)) {
    binding.request().upstream().choose(directory.upstream_by_id(key));
    lua_pushboolean(lua, 1);
    return 1;
  }
  auto conf = to_json(lua, 2);
  if (!conf) return push_error(lua, conf.error().what);
  auto upstream = directory.make_upstream(key, *conf);
  if (!upstream) return push_error(lua, upstream.error().what);
  binding.request().upstream().choose(*upstream);
  lua_pushboolean(lua, 1);
  return 1;
}

// Of the kinds that Directory::find_object() knows.
resource::Kind kind_of(std::string_view plural) {
  if (plural == "routes") return resource::Kind::kRoute;
  return plural == "services" ? resource::Kind::kService : resource::Kind::kUpstream;
}

// object(kind, id, known) -> value, modified, created; true: it is still that of the revision `known`; nil:
// there is none.
int object(lua_State* lua) {
  auto found = State::of(lua).deps().directory.find_object(check_text(lua, 1), check_text(lua, 2));
  if (!found) return 0;
  if (static_cast<std::uint64_t>(luaL_optnumber(lua, 3, 0)) == found->modified) {
    lua_pushboolean(lua, 1);
    return 1;
  }
  auto value = format::parse_json(found->value);
  if (!value) return 0;
  // It was accepted before; now its defaults are filled in, as APISIX does when it loads an object.
  resource::validate(kind_of(check_text(lua, 1)), *value, {.hooks = {}, .is_stored = true});
  push_json(lua, *value);
  lua_pushnumber(lua, static_cast<double>(found->modified));
  lua_pushnumber(lua, static_cast<double>(found->created));
  return 3;
}

int object_ids(lua_State* lua) {
  const auto ids = State::of(lua).deps().directory.object_ids(check_text(lua, 1));
  lua_createtable(lua, static_cast<int>(ids.size()), 0);
  int count = 0;
  for (const std::string& id : ids) {
    push(lua, id);
    lua_rawseti(lua, -2, ++count);
  }
  return 1;
}

int objects_revision(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(State::of(lua).deps().directory.objects_revision()));
  return 1;
}

int load_data(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "object", object);
  set_function(lua, "object_ids", object_ids);
  set_function(lua, "objects_revision", objects_revision);
  push(lua, State::of(lua).deps().store_prefix);
  lua_setfield(lua, -2, "store_prefix");
  set_function(lua, "plugin_attr", plugin_attr);
  set_function(lua, "plugin_metadata", plugin_metadata);
  set_function(lua, "choose_upstream", choose_upstream);
  return 1;
}

// check_upstream(conf): as the Admin API checks one.
int check_upstream(lua_State* lua) {
  auto conf = to_json(lua, 1);
  base::Status status;
  if (!conf) {
    status = std::unexpected(conf.error());
  } else {
    const auto checked = resource::validate(resource::Kind::kUpstream, *conf, {.hooks = {}});
    if (!checked.ok()) status = base::invalid(checked.error_msg);
  }
  lua_pushboolean(lua, status ? 1 : 0);
  if (status) return 1;
  push(lua, status.error().what);
  return 2;
}

int load_upstream_schema(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "check", check_upstream);
  return 1;
}

// Said by core.response.clear_header_as_body_modified().
int will_change_body(lua_State* lua) {
  binding_of(lua).request().response().will_change_body();
  return 0;
}

int load_response(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "will_change_body", will_change_body);
  return 1;
}

}  // namespace

void open_gateway(lua_State* ngx) {
  preload(ngx, "gateway.info", load_info);
  preload(ngx, "gateway.schema", load_schema);
  preload(ngx, "gateway.data", load_data);
  preload(ngx, "gateway.response", load_response);
  preload(ngx, "gateway.upstream_schema", load_upstream_schema);
}

}  // namespace apisix::lua
