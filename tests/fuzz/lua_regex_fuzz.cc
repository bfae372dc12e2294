// Any pattern on any subject through ngx.re: every call ends within its bounds, with a result or an error
// that is a text. The input is "options NUL pattern NUL subject".
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "tests/fakes/lua_state.h"

namespace {

constexpr std::string_view kChunk = R"lua(
local split = require("ngx.re").split
return function(options, pattern, subject)
  local found, err = ngx.re.match(subject, pattern, options)
  assert(found == nil or found[0] or found[0] == false)
  assert(err == nil or type(err) == "string")
  local from, to = ngx.re.find(subject, pattern, options)
  assert((from == nil) == (found == nil or found[0] == false) or err)
  local text, count, fault = ngx.re.gsub(subject, pattern, "<$0>", options)
  assert(text and count or type(fault) == "string")
  local pieces, reason = split(subject, pattern, options)
  assert(pieces or type(reason) == "string")
  local iterator = ngx.re.gmatch(subject, pattern, options)
  local n = 0
  if iterator then for _ in iterator do n = n + 1 end end
  assert(n <= #subject + 1)
end)lua";

// The function of kChunk, at the bottom of the stack.
apisix::lua::LuaState& state() {
  static apisix::lua::LuaState made;
  static const bool is_loaded = [] {
    lua_State* const lua = made.state().main();
    return luaL_loadbuffer(lua, kChunk.data(), kChunk.size(), "=fuzz") == 0 && lua_pcall(lua, 0, 1, 0) == 0;
  }();
  CHECK(is_loaded);
  return made;
}

}  // namespace

// What the collector of the state, which lives on, has not freed yet is no leak: its own references are not
// all plain pointers.
extern "C" int __lsan_is_turned_off() {
  return 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto first = input.find('\0');
  if (first == input.npos) return 0;
  const auto second = input.find('\0', first + 1);
  if (second == input.npos) return 0;
  lua_State* const lua = state().state().main();
  const apisix::lua::State::Entered entered(state().state(), nullptr);
  std::string options;
  for (const char c : input.substr(0, first)) {
    if (std::string_view("adDijJmosuUx").contains(c)) options += c;
  }
  lua_settop(lua, 1);
  lua_pushvalue(lua, 1);
  apisix::lua::push(lua, options);
  apisix::lua::push(lua, input.substr(first + 1, second - first - 1));
  apisix::lua::push(lua, input.substr(second + 1));
  const bool is_good = lua_pcall(lua, 3, 0, 0) == 0;
  CHECK(is_good);
  return 0;
}
