// The same patterns in LuaJIT's own library and in the gateway's: results and errors are equal; and patterns
// that would hold the worker for hours end.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"
#include "worker/lua/cpu_watch.h"

namespace apisix::lua {
namespace {

constexpr std::string_view kCompare = R"lua(
  local function show(...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = tostring((select(i, ...))) end
    return table.concat(out, ",")
  end
  local function try(f, ...)
    return show(pcall(f, ...))
  end
  local patterns = {
    "", "a", "b*", "a*b", "a+", "a-b", "^a", "^b", "a$", "$", "^$", "%a+", "%A", "[ab]+", "[^ab]+", "[a-c%d]*", "[]x]", "[^]x]+",
    "[a-]", "[%a-z]+", "[%]]", "a?b?c?", "(a)(b)", "()b()", "(a(b)c)", "(.)%1", "(a*)%1", "%b()", "%bxx", "%f[%w]%w+", "%f[%z]",
    "^(.-)=(.*)$", ".-c", ".*", "x*", "(a", "a)", "%", "a%", "[a", "[", "[^", "[]", "%b", "%bx", "%f", "%fa", "%1", "(a)%2", "(%1)", "%0",
    "a**", "a+?", "*", "-", "^*", "%-", "%.", "[%", "[a%", "%g+", "%c", "%x+", "%Z", "%z", "%y", "[%g]", "(((((((((())))))))))", "a.c",
    string.rep("()", 32), string.rep("()", 33), string.rep("a?", 9) .. string.rep("a", 9), "[z-a]", "[a-%d]", "%D%S%W", "b%$", "^^",
  }
  local subjects = {
    "", "a", "b", "ab", "abc", "aabbcc", "key = value", "(a(b)c)", "xxaxx", "a\0b", "hello there 42", "]x[", "aaaaaaaaaaaaaaaaaaaa", "a-b",
    "$b$", "A1_%", "\1\127\200",
  }
  local out = {}
  local function note(...) out[#out + 1] = show(...) end
  for _, p in ipairs(patterns) do
    for _, s in ipairs(subjects) do
      note(p, s, "find", try(string.find, s, p), try(string.find, s, p, 2), try(string.find, s, p, -2), try(string.find, s, p, 1, true))
      note(p, s, "match", try(string.match, s, p), try(string.match, s, p, 3))
      note(p, s, "gmatch", pcall(function()
        local all = {}
        for a, b in string.gmatch(s, p) do all[#all + 1] = show(a, b) end
        return table.concat(all, ";")
      end))
      note(p, s, "gsub", try(string.gsub, s, p, "<%0>"), try(string.gsub, s, p, "[%1%%]", 2), try(string.gsub, s, p, {a = 1, b = false}),
           try(string.gsub, s, p, function(x, y) return y end), try(string.gsub, s, p, "%2"), try(string.gsub, s, p, 7))
    end
  end
  for i = 0, 255 do
    local c = string.char(i)
    for letter in string.gmatch("acdglpsuwxzACDGLPSUWXZbyY09", ".") do
      note(i, letter, pcall(string.find, c, "[%" .. letter .. "]"))
    end
    note(i, pcall(string.find, "abc", "%" .. (c:find("%w") and "." or c)))
  end
  note(pcall(string.gsub, "abc", "b", function() return {} end))
  note(pcall(string.gsub, "abc", "b", true))
  note(pcall(string.find, "abc", "b", 10), pcall(string.find, "abc", "", 10), pcall(string.find, "abc", "", -10))
  return table.concat(out, "\n")
)lua";

std::string run_in_luajit(std::string_view chunk) {
  const std::unique_ptr<lua_State, decltype(&lua_close)> state(luaL_newstate(), &lua_close);
  lua_State* const lua = state.get();
  luaL_openlibs(lua);
  if (luaL_loadbuffer(lua, chunk.data(), chunk.size(), "=test") != 0 || lua_pcall(lua, 0, 1, 0) != 0) {
    return "error: " + std::string(text_at(lua, -1));
  }
  return std::string(text_at(lua, -1));
}

TEST(Pattern, IsLuasOwn) {
  LuaState lua;
  const std::string expected = run_in_luajit(kCompare);
  const std::string found = lua.eval(kCompare);
  ASSERT_GT(expected.size(), 100'000u);
  std::string_view left = expected;
  std::string_view right = found;
  while (!left.empty() && left != right) {
    const std::string_view wanted = left.substr(0, left.find('\n'));
    const std::string_view got = right.substr(0, right.find('\n'));
    ASSERT_EQ(got, wanted);
    left.remove_prefix(std::min(left.size(), wanted.size() + 1));
    right.remove_prefix(std::min(right.size(), got.size() + 1));
  }
}

TEST(Pattern, ThatTakesForEverIsStopped) {
  LuaState lua;
  const CpuWatch watch(50, EXIT_FAILURE);
  for (const char* chunk : {
           "return string.find(('a'):rep(300), ('a*'):rep(20) .. 'b')",
           "return string.match(('a'):rep(3000), '(.-)(.-)(.-)(.-)(.-)(.-)b$')",
           "return string.gsub(('a'):rep(300), ('a*'):rep(20) .. 'b', '')",
           "for x in string.gmatch(('a'):rep(300), ('a?'):rep(60) .. ('a'):rep(60) .. 'b') do end",
           "return string.find(('a'):rep(1e7), 'a*b')",
           "return string.find(('('):rep(1e7), '%b()')",
           "return pcall(string.find, ('a'):rep(300), ('a*'):rep(20) .. 'b')",
       }) {
    EXPECT_THAT(lua.eval(chunk), testing::HasSubstr("stopped: it ran longer than lua.cpu_limit")) << chunk;
  }
}

TEST(Pattern, OfALongTextHasStepsForAllOfIt) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local _, n = string.gsub(('ab '):rep(1e6), '%s+', '') return n"), "1000000");
  EXPECT_EQ(lua.eval("return #string.gsub(('x'):rep(1e6), '.', 'yz')"), "2000000");
}

// A callback may use the same patterns, and more of them than are kept.
TEST(Pattern, IsKeptWhileItIsUsed) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return (string.gsub('abc', '%w', function(c)"
                     "  for i = 1, 2000 do string.find('x', 'x*' .. i) end"
                     "  return (string.gsub(c, '%w', '%0%0')) end))"),
            "aabbcc");
}

}  // namespace
}  // namespace apisix::lua
