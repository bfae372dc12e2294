// The modules cjson and cjson.safe: lua-cjson 2.1 with what OpenResty added. Each instance (cjson.new()) has
// settings of its own, in a userdata that is the upvalue of its functions.
#include <string>
#include <string_view>

#include "worker/lua/json_text.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

struct Instance {
  JsonOptions encoding;
  JsonOptions decoding;
  bool is_safe = false;  // errors are results
};

Instance& instance_of(lua_State* lua) {
  return *static_cast<Instance*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int fail(lua_State* lua, const Instance& instance, const std::string& what) {
  if (instance.is_safe) return push_error(lua, what);
  return luaL_error(lua, "%s", what.c_str());
}

int encode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  const Instance& instance = instance_of(lua);
  const auto text = encode_json(lua, 1, instance.encoding);
  if (!text) return fail(lua, instance, text.error().what);
  push(lua, *text);
  return 1;
}

int decode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  const Instance& instance = instance_of(lua);
  const std::string_view text = check_text(lua, 1);
  // RFC 4627 3: other encodings have a zero among the first two bytes.
  if (text.size() >= 2 && (text[0] == 0 || text[1] == 0)) {
    return fail(lua, instance, "JSON parser does not support UTF-16 or UTF-32");
  }
  const auto status = decode_json(lua, text, instance.decoding);
  if (!status) return fail(lua, instance, status.error().what);
  return 1;
}

// A setting that is asked for without an argument, and set with one.
int flag(lua_State* lua, bool& setting) {
  if (!lua_isnoneornil(lua, 1)) setting = lua_toboolean(lua, 1) != 0;
  lua_pushboolean(lua, setting ? 1 : 0);
  return 1;
}

int number(lua_State* lua, int& setting, int index, int min, int max) {
  if (!lua_isnoneornil(lua, index)) {
    const auto asked = luaL_checkinteger(lua, index);
    luaL_argcheck(lua, asked >= min && asked <= max, index, "out of range");
    setting = static_cast<int>(asked);
  }
  lua_pushinteger(lua, setting);
  return 1;
}

int encode_sparse_array(lua_State* lua) {
  JsonOptions& options = instance_of(lua).encoding;
  if (!lua_isnoneornil(lua, 1)) options.sparse_becomes_object = lua_toboolean(lua, 1) != 0;
  lua_pushboolean(lua, options.sparse_becomes_object ? 1 : 0);
  number(lua, options.sparse_ratio, 2, 0, INT32_MAX);
  number(lua, options.sparse_safe, 3, 0, INT32_MAX);
  return 3;
}

int encode_max_depth(lua_State* lua) {
  return number(lua, instance_of(lua).encoding.depth_max, 1, 1, INT32_MAX);
}
int decode_max_depth(lua_State* lua) {
  return number(lua, instance_of(lua).decoding.depth_max, 1, 1, INT32_MAX);
}
int encode_number_precision(lua_State* lua) {
  return number(lua, instance_of(lua).encoding.precision, 1, 1, 16);
}
int encode_empty_table_as_object(lua_State* lua) {
  return flag(lua, instance_of(lua).encoding.empty_table_is_object);
}
int encode_escape_forward_slash(lua_State* lua) {
  return flag(lua, instance_of(lua).encoding.escapes_slash);
}
int decode_array_with_array_mt(lua_State* lua) {
  return flag(lua, instance_of(lua).decoding.marks_arrays);
}

int encode_invalid_numbers(lua_State* lua) {
  auto& setting = instance_of(lua).encoding.invalid;
  if (lua_type(lua, 1) == LUA_TSTRING) {
    setting = JsonOptions::Invalid::kNull;
  } else if (!lua_isnoneornil(lua, 1)) {
    setting = lua_toboolean(lua, 1) != 0 ? JsonOptions::Invalid::kWritten : JsonOptions::Invalid::kError;
  }
  lua_pushboolean(lua, setting == JsonOptions::Invalid::kWritten ? 1 : 0);
  return 1;
}

int accept(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int push_instance(lua_State* lua, bool is_safe);

int make_new(lua_State* lua) {
  return push_instance(lua, instance_of(lua).is_safe);
}

constexpr std::pair<const char*, lua_CFunction> kFunctions[] = {
    {"encode", encode},
    {"decode", decode},
    {"new", make_new},
    {"encode_sparse_array", encode_sparse_array},
    {"encode_max_depth", encode_max_depth},
    {"decode_max_depth", decode_max_depth},
    {"encode_number_precision", encode_number_precision},
    {"encode_empty_table_as_object", encode_empty_table_as_object},
    {"encode_escape_forward_slash", encode_escape_forward_slash},
    {"decode_array_with_array_mt", decode_array_with_array_mt},
    {"encode_invalid_numbers", encode_invalid_numbers},
    {"decode_invalid_numbers", accept},
    {"encode_keep_buffer", accept},
    {"encode_skip_unsupported_value_types", accept}};

int push_instance(lua_State* lua, bool is_safe) {
  lua_newtable(lua);
  auto* instance = new (lua_newuserdata(lua, sizeof(Instance))) Instance;
  instance->is_safe = is_safe;
  for (const auto& [name, function] : kFunctions) {
    lua_pushvalue(lua, -1);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -3, name);
  }
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
  push_array_metatable(lua);
  lua_setfield(lua, -2, "array_mt");
  push_empty_array_metatable(lua);
  lua_setfield(lua, -2, "empty_array_mt");
  push_empty_array(lua);
  lua_setfield(lua, -2, "empty_array");
  push(lua, is_safe ? "cjson.safe" : "cjson");
  lua_setfield(lua, -2, "_NAME");
  push(lua, "2.1.0.14");
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}

int load(lua_State* lua) {
  return push_instance(lua, false);
}
int load_safe(lua_State* lua) {
  return push_instance(lua, true);
}

}  // namespace

void open_cjson(lua_State* ngx) {
  preload(ngx, "cjson", load);
  preload(ngx, "cjson.safe", load_safe);
  lua_pushlightuserdata(ngx, nullptr);
  lua_setfield(ngx, -2, "null");
}

}  // namespace apisix::lua
