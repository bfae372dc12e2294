// JSON text of Lua values, as cjson writes it, and the way back. The module `cjson` is this with its
// settings.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "worker/lua/lua.h"

namespace apisix::lua {

struct JsonOptions {
  // A table without elements is "{}"; false: "[]".
  bool empty_table_is_object = true;
  bool escapes_slash = true;
  // Digits of a number.
  int precision = 14;
  int depth_max = 1000;
  // Of a list: more holes than this times its elements give an error, unless `sparse_becomes_object`.
  int sparse_ratio = 2;
  int sparse_safe = 10;
  bool sparse_becomes_object = false;
  // NaN and infinities: an error, "null", or as printf writes them.
  enum class Invalid : unsigned char { kError, kNull, kWritten } invalid = Invalid::kError;
  // Of decoding: lists get the metatable of cjson.array_mt.
  bool marks_arrays = false;
};

// The value at `index` as text. Keys in the order of the table. Errors: cjson's texts.
base::Result<std::string> encode_json(lua_State* lua, int index, const JsonOptions& options = {});
// Pushes the value; nothing on an error: "Expected value but found invalid token at character 1".
base::Status decode_json(lua_State* lua, std::string_view text, const JsonOptions& options = {});

// Pushes the metatable of cjson.array_mt; a table with it is a list whatever is in it. empty_array_mt: when
// it is empty.
void push_array_metatable(lua_State* lua);
void push_empty_array_metatable(lua_State* lua);
// cjson.empty_array.
void push_empty_array(lua_State* lua);

}  // namespace apisix::lua
