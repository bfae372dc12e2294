#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

TEST(Run, GivesResultsOrTheError) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return 1, nil, 'a', true"), "1|nil|a|true");
  EXPECT_EQ(lua.eval("return"), "");
  EXPECT_EQ(lua.eval("error('x', 0)"), "error: x");
  EXPECT_EQ(lua.eval("error({})"), "error: (error object is a table value)");
  EXPECT_EQ(lua.eval("local x = nil; return x.y"), "error: test:1: attempt to index local 'x' (a nil value)");
  EXPECT_EQ(lua.eval("return +"), "error: test:1: unexpected symbol near '<eof>'");
}

TEST(Run, RunsUserCoroutinesInEveryPhase) {
  LuaState lua;
  constexpr auto kChunk = R"(
    local co = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) error('end ' .. b, 0) end)
    local first = co(1)
    local ok, err = pcall(co, 'x')
    return first, ok, err)";
  EXPECT_EQ(lua.eval(kChunk, Phase::kAccess), "2|false|end x");
  EXPECT_EQ(lua.eval(kChunk, Phase::kLog), "2|false|end x");
}

}  // namespace
}  // namespace apisix::lua
