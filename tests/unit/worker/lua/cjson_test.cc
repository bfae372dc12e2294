#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(Cjson, Encodes) {
  expect_chunks({
      {"return require('cjson').encode({1, 'a', true, false, require('cjson').null})",
       R"([1,"a",true,false,null])"},
      {"return require('cjson').encode({a = {b = {}}})", R"({"a":{"b":{}}})"},
      {"return require('cjson').encode('/\"\\\\\\b\\f\\n\\r\\t\\0\\127\\200')",
       "\"/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u007f\xc8\""},
      {"return require('cjson').encode(nil)", "null"},
      {"return require('cjson').encode({[1] = 1, [3] = 3})", "[1,null,3]"},
      {"return require('cjson').encode({[1.5] = 1})", R"({"1.5":1})"},
      {"return require('cjson').encode({[-1] = 1})", R"({"-1":1})"},
      {"return require('cjson').encode(require('cjson').empty_array)", "[]"},
      {"local c = require('cjson') return c.encode(setmetatable({}, c.array_mt))", "[]"},
      {"local c = require('cjson') return c.encode(setmetatable({1, x = 2}, c.array_mt))", "[1]"},
      {"local c = require('cjson') return c.encode(setmetatable({}, c.empty_array_mt))", "[]"},
      {"local c = require('cjson') return c.encode(setmetatable({x = 1}, c.empty_array_mt))", "[]"},
  });
}

TEST(Cjson, EncodesNumbersAsPrintfDoes) {
  // Of string.format("%.14g").
  expect_chunks({
      {"return require('cjson').encode({0, -0.0, 1, -7, 999999999, 1e14, 1e15, 12345678901234})",
       "[0,-0,1,-7,999999999,1e+14,1e+15,12345678901234]"},
      {"return require('cjson').encode({0.1, 1/3, 1e-7, 2^53, 123456789.125})",
       "[0.1,0.33333333333333,1e-07,9.007199254741e+15,123456789.125]"},
      {"local c = require('cjson').new() c.encode_number_precision(3) return c.encode({1234, 0.12345})",
       "[1.23e+03,0.123]"},
      {"local c = require('cjson').new() c.encode_number_precision(16) return c.encode(0.1)", "0.1"},
  });
}

TEST(Cjson, RefusesWhatJsonHasNot) {
  expect_chunks({
      {"return require('cjson.safe').encode(print)", "nil|Cannot serialise function: type not supported"},
      {"return require('cjson.safe').encode({[{}] = 1})",
       "nil|Cannot serialise table: table key must be a number or string"},
      {"return require('cjson.safe').encode({1/0})",
       "nil|Cannot serialise number: must not be NaN or Infinity"},
      {"return require('cjson.safe').encode({[100] = 1})",
       "nil|Cannot serialise table: excessively sparse array"},
      {"return require('cjson.safe').encode({[10] = 1})", "[null,null,null,null,null,null,null,null,null,1]"},
      {"local t = {} t.t = t return require('cjson.safe').encode(t)",
       "nil|Cannot serialise, excessive nesting (1001)"},
      {"local x = require('cjson').encode(print) return x",
       "error: test:1: Cannot serialise function: type not supported"},
      {"local ok, e = pcall(function() local x = require('cjson.safe').encode() return x end) return e",
       "test:1: bad argument #1 to 'encode' (expected 1 argument)"},
  });
}

TEST(Cjson, DecodesValues) {
  expect_chunks({
      {"local t = require('cjson').decode('{\"a\": [1, 2.5, -3e2], \"b\": {\"c\": null}}') "
       "return t.a[1], t.a[2], t.a[3], t.b.c == require('cjson').null, t.b.c == ngx.null",
       "1|2.5|-300|true|true"},
      {"return require('cjson').decode('\"\\\\u00e9\\\\ud83d\\\\ude00\\\\/\\\\n\"')", "é😀/\n"},
      {"return require('cjson').decode(' true ')", "true"},
      {"return require('cjson').decode('{\"a\":1,\"a\":2}').a", "2"},
      {"return require('cjson').decode('0x10'), require('cjson').decode('-Infinity'), "
       "require('cjson').decode('007')",
       "16|-inf|7"},
      {"return require('cjson').decode('1e999'), require('cjson').decode('123456789012345678')",
       "inf|1.2345678901235e+17"},
      {"return require('cjson').decode(12)", "12"},
  });
}

TEST(Cjson, SaysWhereTextIsWrong) {
  expect_chunks({
      {"return require('cjson.safe').decode('')", "nil|Expected value but found T_END at character 1"},
      {"return require('cjson.safe').decode('{')",
       "nil|Expected object key string but found T_END at character 2"},
      {"return require('cjson.safe').decode('{\"a\"}')",
       "nil|Expected colon but found T_OBJ_END at character 5"},
      {"return require('cjson.safe').decode('{\"a\":1')",
       "nil|Expected comma or object end but found T_END at character 7"},
      {"return require('cjson.safe').decode('{\"a\":1,}')",
       "nil|Expected object key string but found T_OBJ_END at character 8"},
      {"return require('cjson.safe').decode('[1 2]')",
       "nil|Expected comma or array end but found T_NUMBER at character 4"},
      {"return require('cjson.safe').decode('[1,]')",
       "nil|Expected value but found T_ARR_END at character 4"},
      {"return require('cjson.safe').decode('{}x')",
       "nil|Expected the end but found invalid token at character 3"},
      {"return require('cjson.safe').decode('tru')",
       "nil|Expected value but found invalid token at character 1"},
      {"return require('cjson.safe').decode('\"a')",
       "nil|Expected value but found unexpected end of string at character 3"},
      {"return require('cjson.safe').decode('\"\\\\x\"')",
       "nil|Expected value but found invalid escape code at character 2"},
      {"return require('cjson.safe').decode('\"\\\\udc00\"')",
       "nil|Expected value but found invalid unicode escape code at character 2"},
      {"return require('cjson.safe').decode('-')",
       "nil|Expected value but found invalid number at character 1"},
      {"return require('cjson.safe').decode('\\0a')", "nil|JSON parser does not support UTF-16 or UTF-32"},
      {"return require('cjson.safe').decode(nil)", "nil|bad argument #1 to '?' (string expected, got nil)"},
      {"return require('cjson.safe').decode(('['):rep(1001))",
       "nil|Found too many nested data structures (1001) at character 1001"},
  });
}

TEST(Cjson, KeepsSettingsForEachModule) {
  expect_chunks({
      {"local a, b = require('cjson'), require('cjson').new() b.encode_escape_forward_slash(true) "
       "return a.encode('/'), b.encode('/')",
       R"("/"|"\/")"},
      {"local c = require('cjson').new() return c.encode_empty_table_as_object(), "
       "c.encode_empty_table_as_object(false), c.encode({})",
       "true|false|[]"},
      {"local c = require('cjson').new() return c.encode(c.decode('{\"a\":[]}')), "
       "getmetatable(c.decode('[1]')) == c.array_mt",
       R"({"a":[]}|true)"},
      {"local c = require('cjson').new() c.decode_array_with_array_mt(false) "
       "return c.encode(c.decode('{\"a\":[]}'))",
       R"({"a":{}})"},
      {"local c = require('cjson').new() c.encode_sparse_array(true) return c.encode({[100] = 1})",
       R"({"100":1})"},
      {"local c = require('cjson').new() return c.encode_sparse_array(nil, 3, 20)", "false|3|20"},
      {"local c = require('cjson').new() return c.encode_invalid_numbers('null'), c.encode({0/0})",
       "null|[null]"},
      {"local c = require('cjson').new() c.encode_invalid_numbers(true) return c.encode({1/0, -1/0})",
       "[Infinity,-Infinity]"},
      {"local c = require('cjson.safe').new() c.decode_invalid_numbers(false) return c.decode('[NaN]')",
       "nil|Expected value but found invalid token at character 2"},
      {"local c = require('cjson.safe').new() c.encode_skip_unsupported_value_types(true) "
       "return c.encode({print, 1}), c.encode({a = print})",
       "[1]|{}"},
      {"local c = require('cjson.safe').new() c.decode_max_depth(1) return c.decode('[[1]]')",
       "nil|Found too many nested data structures (2) at character 2"},
      {"local c = require('cjson').new() return pcall(c.encode_max_depth, 0)",
       "false|bad argument #1 to '?' (expected integer between 1 and 2147483647)"},
      {"local c = require('cjson').new() c.decode_json_null(false) return c.decode('[null, 1]')[1]", "nil"},
  });
}

}  // namespace
}  // namespace apisix::lua
