// The stand-ins pl.*: what Penlight gives for the same calls.
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(LuaPenlight, Types) {
  expect_chunks({
      kNoPath,
      {"local t = require('pl.types') return t.is_empty(nil), t.is_empty(''), t.is_empty(' '), "
       "t.is_empty(' ', true), t.is_empty({}), t.is_empty({1}), t.is_empty(5)",
       "true|true|false|true|true|false|true"},
      {"local t = require('pl.types') return t.to_bool('yes'), t.to_bool('on'), t.to_bool('ON', {'on'}), "
       "t.to_bool(0), t.to_bool(2), t.to_bool({}), t.to_bool({1}, nil, true)",
       "true|false|true|false|true|false|true"},
      {"local t = require('pl.types') return t.is_callable(print), "
       "t.is_callable(setmetatable({}, {__call = print})), t.is_callable({}), t.is_integer(1.5), "
       "t.type(require('pl.List'){}), t.type(io.stdout)",
       "true|true|false|false|List|file"},
  });
}

TEST(LuaPenlight, Texts) {
  expect_chunks({
      kNoPath,
      {"local s = require('pl.stringx') return #s.split('a,b,', ','), #s.split('', ','), #s.split(',', ','), "
       "s.split('a,b,c', ',', 2)[2], s.split('  a b ')[2]",
       "3|0|1|b,c|b"},
      {"local s = require('pl.stringx') return s.strip(' a b '), s.strip('xya]yx', 'xy]'), s.lstrip('[[a', "
       "'['), "
       "s.rstrip('a%%', '%'), s.strip('   ')",
       "a b|a|a|a|"},
      {"local s = require('pl.stringx') return s.startswith('abc', 'ab'), s.startswith('abc', {'x', 'a'}), "
       "s.endswith('abc', 'bc'), s.endswith('c', 'bc')",
       "true|true|true|false"},
      {"local s = require('pl.stringx') return s.replace('a.b.c', '.', '%', 1), s.count('aaa', 'aa', true), "
       "s.rfind('abcabc', 'b'), s.join(',', {1, 'x'}), s.partition('a=b=c', '=')",
       "a%b.c|2|5|1,x|a|=|b=c"},
      {"local s = require('pl.stringx') return s.title('hello tHERE'), s.shorten('abcdefgh', 5), "
       "s.rjust('a', 3, '*'), s.isdigit('12'), s.isalpha('')",
       "Hello There|ab...|**a|true|false"},
      {"return pcall(require('pl.stringx').strip, nil)", "false|argument 1 expected a 'string', got a 'nil'"},
      {"require('pl.stringx').import() return (' x '):strip(), ('a b'):split()[2]", "x|b"},
  });
}

TEST(LuaPenlight, Tables) {
  expect_chunks({
      kNoPath,
      {"local t = require('pl.tablex') return t.size({a = 1, 2}), t.deepcompare({a = {1}}, {a = {1}}), "
       "t.deepcompare({1}, {2}), t.find({5, 6}, 6), t.find_if({1, 5}, '>', 3)",
       "2|true|false|2|2|true"},
      {"local t = require('pl.tablex') local copy = t.deepcopy({a = {b = 1}}) "
       "return copy.a.b, t.reduce('+', {1, 2, 3}), t.map('_*2', {1, 2})[2], #t.filter({1, 5, 9}, '>', 3), "
       "tostring(t.keys({a = 1}))",
       "1|6|4|2|{a}"},
      {"local t = require('pl.tablex') local out = {} for k in t.sort({b = 1, a = 2}) do out[#out + 1] = k "
       "end "
       "return table.concat(out), t.merge({a = 1, b = 2}, {b = 3}).b, t.merge({a = 1}, {b = 3}, true).a",
       "ab|2|1"},
      {"return pcall(function() require('pl.tablex').readonly({}).x = 1 end)",
       "false|test:1: Attempt to modify read-only table"},
      {"local L = require('pl.List') return tostring(L{3, 1, 2}:sort()), tostring(L{1, 2, 3}:slice(2, 3)), "
       "L{1, 2} == L{1, 2}, tostring(L{1} .. L{2}), L{1, 2, 3}:contains(2), L{1, 2}:join('-')",
       "{1,2,3}|{2,3}|true|{1,2}|true|1-2"},
      {"local S = require('pl.Set') return tostring(S{1, 2} + S{3}), tostring(S{1, 2} * S{2}), S{1} < S{1, "
       "2}",
       "[1,2,3]|[2]|true"},
      {"local m = require('pl.OrderedMap')() m.z = 1 m.a = 2 m:set('z', nil) m:set('b', 3) return "
       "tostring(m)",
       "{a=2,b=3}"},
  });
}

TEST(LuaPenlight, Classes) {
  expect_chunks({
      kNoPath,
      {"local class = require('pl.class') local A = class() function A:_init(x) self.x = x end "
       "function A:get() return self.x end local B = class(A) "
       "function B:_init(x) self:super(x + 1) end "
       "return B(1):get(), B(1):is_a(A), B:class_of(A(1)), rawequal(B(1):is_a(), B)",
       "2|true|false|true"},
      {"local class = require('pl.class') local A = class() function A:__tostring() return 'A!' end "
       "return tostring(class(A)())",
       "A!"},
  });
}

TEST(LuaPenlight, PathsAndFiles) {
  expect_chunks({
      kNoPath,
      {"local p = require('pl.path') return p.join('a', 'b'), p.join('a', '/b'), p.basename('/a/b.c'), "
       "p.dirname('/a/b.c'), p.extension('x.lua'), p.normpath('a//b/../c/./d'), p.isdir('/'), "
       "p.exists('/nope')",
       "a/b|/b|b.c|/a|.lua|a/c/d|true|false"},
      {"local name = os.tmpname() local f = require('pl.file') f.write(name, 'text') "
       "local text, size = f.read(name), require('lfs').attributes(name, 'size') os.remove(name) "
       "return text, size, (f.read(name))",
       "text|4|nil"},
  });
}

TEST(LuaPenlight, FoldersOfLfs) {
  expect_chunks({
      kNoPath,
      {"local lfs = require('lfs') local name = os.tmpname() os.remove(name) "
       "assert(lfs.mkdir(name)) io.open(name .. '/a', 'w'):close() local found = {} "
       "for one in lfs.dir(name) do found[#found + 1] = one end table.sort(found) "
       "local kind = lfs.attributes(name).mode os.remove(name .. '/a') "
       "return table.concat(found, ' '), kind, lfs.rmdir(name), (lfs.attributes(name))",
       ". .. a|directory|true|nil"},
      {"return require('lfs').attributes('/nope')",
       "nil|cannot obtain information from file '/nope': No such file or directory|2"},
      {"return pcall(require('lfs').dir, '/nope')", "false|cannot open /nope: No such file or directory"},
  });
}

}  // namespace
}  // namespace apisix::lua
