// JSON text <-> Lua values on a stack, without a tree between them, in the bytes and the errors of
// OpenResty's lua-cjson. Neither direction raises an error of its own: what is wrong comes back as a text.
// Both may raise "not enough memory".
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

// What the functions of one cjson module are set to; cjson.new() makes another one. A slash is not escaped
// and decoded lists have cjson.array_mt, other than in OpenResty: APISIX sets all modules so.
struct CjsonSettings {
  // --- encode
  // A list whose largest index is over `sparse_ratio` times its items, and over `sparse_safe`, is an error,
  // or an object.
  bool sparse_becomes_object = false;
  int sparse_ratio = 2;  // 0: never sparse
  int sparse_safe = 10;
  int encode_depth_max = 1000;
  int invalid_numbers = 0;  // NaN and infinite ones: 0 an error, 1 NaN and Infinity, 2 null
  int number_digits = 14;
  bool empty_table_is_object = true;
  bool escapes_slash = false;
  bool skips_unsupported = false;
  bool keeps_buffer = true;  // known to the module, means nothing here
  // --- decode
  bool reads_invalid_numbers = true;  // Infinity, NaN, 0x10, 007
  bool arrays_have_metatable = true;
  bool null_is_userdata = true;  // else nil
  int decode_depth_max = 1000;
};

// cjson.array_mt, cjson.empty_array_mt: onto the stack, one of each for a State.
void push_array_metatable(lua_State* lua);
void push_empty_array_metatable(lua_State* lua);
// cjson.empty_array is a light userdata with this address.
void* empty_array();

// Appends the JSON of the value on top of the stack. Returns the error, "" when it went well.
std::string encode_cjson(lua_State* lua, const CjsonSettings& settings, std::string& out);

// The value at `index`, with the settings of a new module.
base::Result<std::string> encode_json(lua_State* lua, int index);

// Pushes the value of `text`, which has a NUL behind its end, as Lua's own texts have. Returns the error, and
// then what was pushed means nothing.
std::string decode_cjson(lua_State* lua, const CjsonSettings& settings, std::string_view text);

}  // namespace apisix::lua
