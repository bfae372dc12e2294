// The expected values are what OpenResty gives for the same chunks; faults of patterns are in PCRE2's words.
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(Regex, Matches) {
  expect_chunks({
      {"local m = ngx.re.match('ab', '(?<n>a)|(?<k>b)') return m[0], m.n, m.k, m[1], m[2], #m",
       "a|a|false|a|false|2"},
      {"local ctx = {pos = 2} local m = ngx.re.match('aXbX', 'X', '', ctx) return m[0], ctx.pos", "X|3"},
      {"local m = ngx.re.match('ab', '(?<n>a)(?<n>b)', 'D') return m.n[1], m.n[2]", "a|b"},
      {"local r = {} local m = ngx.re.match('b', 'b', 'jo', nil, r) return m == r, r[0]", "true|b"},
      {"return ngx.re.match(nil, 'nil')[0], ngx.re.match(12, '1')[0]", "nil|1"},
      {"return ngx.re.match('x', 'y')", "nil"},
      {"return ngx.re.match('HELLO', 'h', 'i')[0], ngx.re.match('a\\nb', 'a.b', 's')[0], "
       "ngx.re.match('a\\nb', '^b', 'm')[0], ngx.re.match('ab', 'b', 'a'), ngx.re.match('ab', 'a b', 'x')[0]",
       "H|a\nb|b|nil|ab"},
      {"return ngx.re.match('hello', '(h', 'jo')",
       "nil|pcre2_compile() failed: missing closing parenthesis in \"(h\""},
      {"local x = ngx.re.match('abc', 'b', 'jq')", "error: test:1: unknown flag \"q\" (flags \"jq\")"},
  });
}

TEST(Regex, Finds) {
  expect_chunks({
      {"return ngx.re.find('abc', '(b)', 'jo')", "2|2"},
      {"return ngx.re.find('abc', '(z)?b', 'jo', nil, 1)", "nil"},
      {"return ngx.re.find('abc', '(b)', 'jo', nil, 2)", "nil|nil|nth out of bound"},
      {"return ngx.re.find('abc', '(b)(c)', 'jo', nil, 2)", "3|3"},
      {"return ngx.re.find('abc', '$', 'jo', {pos = 4})", "4|3"},
      {"return ngx.re.find('a', '(')",
       "nil|nil|pcre2_compile() failed: missing closing parenthesis in \"(\""},
  });
}

TEST(Regex, IteratesOverMatches) {
  expect_chunks({
      {"local o = {} for m in ngx.re.gmatch('a1b2', '[a-z](\\\\d)') do o[#o + 1] = m[1] end "
       "return table.concat(o, ',')",
       "1,2"},
      {"local n = 0 for m in ngx.re.gmatch('abc', '') do n = n + 1 end return n", "4"},
      {"return ngx.re.gmatch('a', '(')", "nil|pcre2_compile() failed: missing closing parenthesis in \"(\""},
  });
}

TEST(Regex, Replaces) {
  expect_chunks({
      {"return ngx.re.gsub('abc', '(b)', '[$0,$1,${1},$$]', 'jo')", "a[b,b,b,$]c|1"},
      {"return ngx.re.sub('aa', 'a', 'b')", "ba|1"},
      {"return ngx.re.sub('abc', 'z', 'x')", "abc|0"},
      {"return ngx.re.gsub('abc', '', '-')", "-a-b-c-|4"},
      {"return ngx.re.gsub('h\xc3\xa9\xc3\xa9', '\xc3\xa9', 'e', 'u')", "hee|2"},
      {"return ngx.re.gsub('ab', '(a)', '$10')", "b|1"},
      {"return ngx.re.gsub('abc', '(?<x>b)(z)?', function(m) return m[0] .. tostring(m[2]) .. m.x .. '$0' "
       "end)",
       "abfalseb$0c|1"},
      {"return ngx.re.gsub('abc', 'z', '$x')", "nil|nil|failed to compile the replacement template"},
      {"return ngx.re.gsub('ab', '(a)', '${1')", "nil|nil|failed to compile the replacement template"},
      {"return ngx.re.gsub('ab', '(a)', '$')", "nil|nil|failed to compile the replacement template"},
  });
}

TEST(Regex, ReplacesByAFunctionThatWaits) {
  expect_chunks({
      {"return ngx.re.gsub('a,b', '[a-z]', function(m) ngx.sleep(0.001) return m[0]:upper() end, 'jo')",
       "A,B|2"},
      {"return ngx.re.sub('a,b', '[a-z]', function(m) return m[0]:upper() end)", "A,b|1"},
      {"return ngx.re.gsub('h\xc3\xa9', '', function() return 1 end, 'u')", "1h1\xc3\xa9|2"},
      {"return ngx.re.gsub('abc', 'z', function() return '' end)", "abc|0"},
      {"return ngx.re.gsub('abc', '(', function() return '' end)",
       "nil|nil|pcre2_compile() failed: missing closing parenthesis in \"(\""},
      {"return pcall(ngx.re.gsub, 'abc', 'b', function() return {} end)",
       "false|string or number expected to be returned by the replace function, got table"},
  });
}

TEST(Regex, Splits) {
  const std::string split =
      "local function s(...) local r, e = require('ngx.re').split(...) "
      "if not r then return r, e end return table.concat(r, '|'), #r end return s";
  LuaState lua;
  EXPECT_EQ(lua.eval(split + "('a,b,,c,,', ',')"), "a|b||c|4");
  EXPECT_EQ(lua.eval(split + "('abc', '')"), "a|b|c|3");
  EXPECT_EQ(lua.eval(split + "('a,b,c', '(,)', nil, nil, 2)"), "a|,|b,c|3");
  EXPECT_EQ(lua.eval(split + "(',a,b', ',', nil, {pos = 2})"), "a|b|2");
  EXPECT_EQ(lua.eval(split + "('a1b2c', '(?<d>\\\\d)')"), "a|1|b|2|c|5");
  EXPECT_EQ(lua.eval(split + "('', ',')"), "|0");
  EXPECT_EQ(lua.eval(split + "('a,b', ',', nil, nil, nil, {'x', 'y', 'z'})"), "a|b|2");
  EXPECT_EQ(lua.eval(split + "('a', '(')"),
            "nil|pcre2_compile() failed: missing closing parenthesis in \"(\"");
}

TEST(Regex, ChecksOne) {
  expect_chunks({
      {"return (require('resty.core.regex').re_match_compile('^/a', 'j')) ~= nil", "true"},
      {"return require('resty.core.regex').re_match_compile('(', 'j')",
       "nil|pcre2_compile() failed: missing closing parenthesis in \"(\""},
  });
}

TEST(Regex, GivesUpWhatTakesTooLong) {
  LuaState lua;
  const std::string subject = "('" + std::string(40, 'a') + "b', '(a+)+$', 'jo')";
  EXPECT_EQ(lua.eval("return ngx.re.match" + subject), "nil|pcre_exec() failed: -47");
  EXPECT_EQ(lua.eval("return ngx.re.find" + subject), "nil|nil|pcre_exec() failed: -47");
}

}  // namespace
}  // namespace apisix::lua
