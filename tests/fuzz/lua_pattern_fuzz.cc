// Any pattern on any short subject: string.find, match, gmatch and gsub give what LuaJIT's own library gives,
// errors included. The input is "pattern NUL subject NUL replacement".
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "tests/fakes/lua_state.h"
#include "worker/lua/lua.h"

namespace {

constexpr std::string_view kChunk = R"lua(
local function show(...)
  local out = {}
  for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
  return table.concat(out, ",")
end
return function(pattern, subject, text)
  return show(pcall(string.find, subject, pattern)) .. "\n" .. show(pcall(string.match, subject, pattern, 2)) .. "\n" ..
    show(pcall(string.gsub, subject, pattern, text)) .. "\n" .. show(pcall(function()
      local all = {}
      for a, b in string.gmatch(subject, pattern) do all[#all + 1] = show(a, b) end
      return table.concat(all, ";")
    end))
end)lua";

void load(lua_State* lua) {
  CHECK(luaL_loadbuffer(lua, kChunk.data(), kChunk.size(), "=fuzz") == 0);
  CHECK(lua_pcall(lua, 0, 1, 0) == 0);
}

std::string run(lua_State* lua, std::string_view pattern, std::string_view subject, std::string_view text) {
  lua_settop(lua, 1);
  lua_pushvalue(lua, 1);
  apisix::lua::push(lua, pattern);
  apisix::lua::push(lua, subject);
  apisix::lua::push(lua, text);
  const bool is_good = lua_pcall(lua, 3, 1, 0) == 0;
  CHECK(is_good);
  return std::string(apisix::lua::text_at(lua, -1));
}

}  // namespace

// See lua_regex_fuzz.cc.
extern "C" int __lsan_is_turned_off() {
  return 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // LuaJIT's own tries every way to divide the subject.
  constexpr std::size_t kBytesMax = 20;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto first = input.find('\0');
  const auto second = first == input.npos ? first : input.find('\0', first + 1);
  if (second == input.npos || second > kBytesMax) return 0;
  static apisix::lua::LuaState ours;
  static lua_State* const original = [] {
    lua_State* const lua = luaL_newstate();
    luaL_openlibs(lua);
    load(lua);
    load(ours.state().main());
    return lua;
  }();
  const std::string_view pattern = input.substr(0, first);
  const std::string_view subject = input.substr(first + 1, second - first - 1);
  const std::string_view text = input.substr(second + 1);
  const apisix::lua::State::Entered entered(ours.state(), nullptr);
  CHECK(run(ours.state().main(), pattern, subject, text) == run(original, pattern, subject, text));
  return 0;
}
