// Any bytes as JSON for cjson.decode: an error, or a value whose text reads back as the same text. The last
// byte chooses the settings.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "worker/lua/json_text.h"

namespace apisix::lua {
namespace {

// A State's memory needs no bounds here: what is decoded is as large as its text.
lua_State* lua() {
  static lua_State* const state = luaL_newstate();
  CHECK(state != nullptr);
  return state;
}

// decode, encode, decode, encode: both texts are the same, unless a table has lost or won members on the way.
int check_text(lua_State* state) {
  const auto& settings = *static_cast<const CjsonSettings*>(lua_touserdata(state, 2));
  const std::string text(text_at(state, 1));
  const std::string error = decode_cjson(state, settings, text);
  if (!error.empty()) {
    CHECK(error.starts_with("Expected ") || error.starts_with("Found too many ") ||
          error.starts_with("JSON parser "));
    return 0;
  }
  CHECK(lua_gettop(state) == 3);
  std::string first;
  if (!encode_cjson(state, settings, first).empty()) {
    CHECK(settings.invalid_numbers == 0);  // Infinity was read
    return 0;
  }
  CHECK(lua_gettop(state) == 3);
  CHECK(decode_cjson(state, settings, first).empty());
  std::string second;
  CHECK(encode_cjson(state, settings, second).empty());
  // The order of a table is its own; its length is not.
  CHECK(first.size() == second.size());
  return 0;
}

}  // namespace
}  // namespace apisix::lua

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace apisix::lua;
  if (size == 0) return 0;
  const unsigned choice = data[size - 1];
  CjsonSettings settings;
  settings.arrays_have_metatable = (choice & 1) != 0;
  settings.escapes_slash = (choice & 2) != 0;
  settings.invalid_numbers = (choice & 4) != 0 ? 1 : 0;
  lua_State* const state = lua();
  lua_settop(state, 0);
  lua_pushcfunction(state, check_text);
  push(state, std::string_view(reinterpret_cast<const char*>(data), size - 1));
  lua_pushlightuserdata(state, &settings);
  CHECK(lua_pcall(state, 2, 0, 0) == 0);
  return 0;
}
