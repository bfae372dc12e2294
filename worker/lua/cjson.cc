// The modules cjson and cjson.safe: their functions and settings, as OpenResty's lua-cjson has them. The
// functions of one module share its settings, a userdata that is their first upvalue.
#include <array>
#include <climits>
#include <new>
#include <string>

#include <fmt/format.h>

#include "worker/lua/json_text.h"
#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

// A text that was longer is not kept for the next call.
constexpr std::size_t kKeptBytesMax = 64 * 1024;
// Addresses of this are light userdata.
constinit char kEmptyArray = 0;

struct Module {
  CjsonSettings settings;
  std::string text;  // of the last encode(): its memory is used again
  bool is_safe = false;
};

Module& module_of(lua_State* lua) {
  return *static_cast<Module*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int destroy(lua_State* lua) {
  static_cast<Module*>(lua_touserdata(lua, 1))->~Module();
  return 0;
}

// cjson raises, cjson.safe returns.
int give_error(lua_State* lua, const Module& module, const std::string& what) {
  if (module.is_safe) return push_error(lua, what);
  push(lua, what);
  return -1;
}

int encode_or_error(lua_State* lua) {
  Module& module = module_of(lua);
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  module.text.clear();
  const std::string error = encode_cjson(lua, module.settings, module.text);
  if (!error.empty()) return give_error(lua, module, error);
  push(lua, module.text);
  if (module.text.capacity() > kKeptBytesMax) std::string().swap(module.text);
  return 1;
}

int decode_or_error(lua_State* lua) {
  const Module& module = module_of(lua);
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  std::size_t bytes = 0;
  const char* text = lua_tolstring(lua, 1, &bytes);
  if (text == nullptr) {
    if (!module.is_safe) luaL_checklstring(lua, 1, nullptr);
    return give_error(lua, module,
                      fmt::format("bad argument #1 to '?' (string expected, got {})", luaL_typename(lua, 1)));
  }
  const std::string error = decode_cjson(lua, module.settings, {text, bytes});
  return error.empty() ? 1 : give_error(lua, module, error);
}

// Raises the text on top, as luaL_error does, when no C++ object of the call is left.
int give_results(lua_State* lua, int results) {
  if (results >= 0) return results;
  luaL_where(lua, 1);
  lua_insert(lua, -2);
  lua_concat(lua, 2);
  return lua_error(lua);
}

int encode(lua_State* lua) {
  return give_results(lua, encode_or_error(lua));
}
int decode(lua_State* lua) {
  return give_results(lua, decode_or_error(lua));
}

// Fills up with nil to `count` arguments; more are an error.
CjsonSettings& settings_with(lua_State* lua, int count) {
  luaL_argcheck(lua, lua_gettop(lua) <= count, count + 1, "found too many arguments");
  lua_settop(lua, count);
  return module_of(lua).settings;
}

int integer_option(lua_State* lua, int index, int& setting, int min, int max) {
  if (!lua_isnil(lua, index)) {
    const auto value = luaL_checkinteger(lua, index);
    if (value < min || value > max) {
      lua_pushfstring(lua, "expected integer between %d and %d", min, max);
      luaL_argerror(lua, 1, lua_tostring(lua, -1));
    }
    setting = static_cast<int>(value);
  }
  lua_pushinteger(lua, setting);
  return 1;
}

int boolean_option(lua_State* lua, int index, bool& setting) {
  static constexpr std::array<const char*, 3> kWords = {"off", "on", nullptr};
  if (lua_isboolean(lua, index)) {
    setting = lua_toboolean(lua, index) != 0;
  } else if (!lua_isnil(lua, index)) {
    setting = luaL_checkoption(lua, index, nullptr, kWords.data()) == 1;
  }
  lua_pushboolean(lua, setting ? 1 : 0);
  return 1;
}

int encode_sparse_array(lua_State* lua) {
  CjsonSettings& settings = settings_with(lua, 3);
  boolean_option(lua, 1, settings.sparse_becomes_object);
  integer_option(lua, 2, settings.sparse_ratio, 0, INT_MAX);
  integer_option(lua, 3, settings.sparse_safe, 0, INT_MAX);
  return 3;
}

int encode_invalid_numbers(lua_State* lua) {
  static constexpr std::array<const char*, 4> kWords = {"off", "on", "null", nullptr};
  CjsonSettings& settings = settings_with(lua, 1);
  if (lua_isboolean(lua, 1)) {
    settings.invalid_numbers = lua_toboolean(lua, 1);
  } else if (!lua_isnil(lua, 1)) {
    settings.invalid_numbers = luaL_checkoption(lua, 1, nullptr, kWords.data());
  }
  if (settings.invalid_numbers == 2) {
    push(lua, "null");
  } else {
    lua_pushboolean(lua, settings.invalid_numbers);
  }
  return 1;
}

int encode_max_depth(lua_State* lua) {
  return integer_option(lua, 1, settings_with(lua, 1).encode_depth_max, 1, INT_MAX);
}
int decode_max_depth(lua_State* lua) {
  return integer_option(lua, 1, settings_with(lua, 1).decode_depth_max, 1, INT_MAX);
}
int encode_number_precision(lua_State* lua) {
  return integer_option(lua, 1, settings_with(lua, 1).number_digits, 1, 16);
}

template <bool CjsonSettings::* Setting>
int boolean_setting(lua_State* lua) {
  return boolean_option(lua, 1, settings_with(lua, 1).*Setting);
}

int make_plain(lua_State* lua);
int make_safe(lua_State* lua);

struct Function {
  const char* name;
  lua_CFunction function;
};
constexpr auto kFunctions = std::to_array<Function>({
    {"encode", encode},
    {"decode", decode},
    {"encode_empty_table_as_object", boolean_setting<&CjsonSettings::empty_table_is_object>},
    {"encode_escape_forward_slash", boolean_setting<&CjsonSettings::escapes_slash>},
    {"encode_skip_unsupported_value_types", boolean_setting<&CjsonSettings::skips_unsupported>},
    {"encode_keep_buffer", boolean_setting<&CjsonSettings::keeps_buffer>},
    {"decode_array_with_array_mt", boolean_setting<&CjsonSettings::arrays_have_metatable>},
    {"decode_json_null", boolean_setting<&CjsonSettings::null_is_userdata>},
    {"decode_invalid_numbers", boolean_setting<&CjsonSettings::reads_invalid_numbers>},
    {"encode_sparse_array", encode_sparse_array},
    {"encode_invalid_numbers", encode_invalid_numbers},
    {"encode_max_depth", encode_max_depth},
    {"decode_max_depth", decode_max_depth},
    {"encode_number_precision", encode_number_precision},
});

int make(lua_State* lua, bool is_safe) {
  lua_createtable(lua, 0, static_cast<int>(kFunctions.size()) + 7);
  auto* const module = new (lua_newuserdata(lua, sizeof(Module))) Module();
  module->is_safe = is_safe;
  if (luaL_newmetatable(lua, "gateway.cjson") != 0) set_function(lua, "__gc", destroy);
  lua_setmetatable(lua, -2);
  for (const Function& function : kFunctions) {
    lua_pushvalue(lua, -1);
    lua_pushcclosure(lua, function.function, 1);
    lua_setfield(lua, -3, function.name);
  }
  lua_pop(lua, 1);
  set_function(lua, "new", is_safe ? make_safe : make_plain);
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
  lua_pushlightuserdata(lua, empty_array());
  lua_setfield(lua, -2, "empty_array");
  push_array_metatable(lua);
  lua_setfield(lua, -2, "array_mt");
  push_empty_array_metatable(lua);
  lua_setfield(lua, -2, "empty_array_mt");
  push(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  push(lua, "2.1.0.14");
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}

int make_plain(lua_State* lua) {
  return make(lua, false);
}
int make_safe(lua_State* lua) {
  return make(lua, true);
}

}  // namespace

void push_array_metatable(lua_State* lua) {
  luaL_newmetatable(lua, "cjson.array_mt");
}
void push_empty_array_metatable(lua_State* lua) {
  luaL_newmetatable(lua, "cjson.empty_array_mt");
}
void* empty_array() {
  return &kEmptyArray;
}

void open_cjson(lua_State* ngx) {
  preload(ngx, "cjson", make_plain);
  preload(ngx, "cjson.safe", make_safe);
  lua_pushlightuserdata(ngx, nullptr);
  lua_setfield(ngx, -2, "null");
}

}  // namespace apisix::lua
