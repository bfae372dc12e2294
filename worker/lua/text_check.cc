#include "worker/lua/text_check.h"

#include <memory>

#include "worker/lua/lua.h"
#include "worker/lua/syntax.h"

namespace apisix::lua {
namespace {

// A chunk that only returns something has run long before.
constexpr int kInstructionsMax = 1'000'000;

void stop(lua_State* lua, lua_Debug*) {
  luaL_error(lua, "it runs too long");
}

}  // namespace

TextCheck check_text(std::string_view text, int type) {
  const std::unique_ptr<lua_State, decltype(&lua_close)> state(luaL_newstate(), &lua_close);
  lua_State* const lua = state.get();
  // As loadstring() names it: "[string \"...\"]".
  if (load_text(lua, text, std::string(text).c_str()) != 0)
    return {TextCheck::Verdict::kNoChunk, std::string(text_at(lua, -1))};
  luaJIT_setmode(lua, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  lua_sethook(lua, stop, LUA_MASKCOUNT, kInstructionsMax);
  const bool has_run = lua_pcall(lua, 0, 1, 0) == 0;
  return {
      has_run && lua_type(lua, -1) != type ? TextCheck::Verdict::kOtherType : TextCheck::Verdict::kAccepted,
      {}};
}

}  // namespace apisix::lua
