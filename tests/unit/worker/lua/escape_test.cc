// The expected values are what OpenResty gives for the same chunks.
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(Escape, EscapesUris) {
  expect_chunks({
      {"return ngx.escape_uri('a b/?&=+!~*()\\'-._\\200')", "a%20b%2F%3F%26%3D%2B!~*()'-._%C8"},
      {"return ngx.escape_uri('a b/?#&+\"', 0)", "a%20b/%3F%23&+\""},
      {"return ngx.escape_uri('a b/?#&+', 1)", "a%20b/%3F%23&%2B"},
      {"return ngx.escape_uri(nil), ngx.escape_uri(1.5), ngx.escape_uri(true)", "|1.5|true"},
      {"local x = ngx.escape_uri('a', 'x')", "error: test:1: \"type\" is not a number"},
      {"local x = ngx.escape_uri('a', 7)", "error: test:1: \"type\" 7 out of range"},
      {"return ngx.unescape_uri('a%20b+c%zz%4')", "a b c%zz%4"},
      {"return ngx.unescape_uri(nil)", ""},
  });
}

TEST(Escape, QuotesForSql) {
  expect_chunks({
      {"return ngx.quote_sql_str('a\\0b\\n\\r\\t\\b\\26\\\\\"\\'$')", R"('a\0b\n\r\t\b\Z\\\"\'$')"},
      {"return ngx.quote_sql_str(1), ngx.quote_sql_str('')", "'1'|''"},
      {"local x = ngx.quote_sql_str()", "error: test:1: expecting one argument"},
  });
}

TEST(Escape, HasBase64) {
  expect_chunks({
      {"return ngx.encode_base64('ab', true), ngx.encode_base64('a'), ngx.encode_base64(nil), "
       "ngx.encode_base64(12)",
       "YWI|YQ==||MTI="},
      {"local x = ngx.encode_base64('ab', 1)", "error: test:1: bad no_padding: boolean expected, got number"},
      {"return ngx.decode_base64('YWI'), ngx.decode_base64('Y'), ngx.decode_base64('YQ==YQ=='), "
       "ngx.decode_base64('*')",
       "ab|nil|a|nil"},
      {"local x = ngx.decode_base64(1)", "error: test:1: string argument only"},
      {"local b = require('ngx.base64') return b.encode_base64url('a?>'), b.decode_base64url('YT8-')",
       "YT8-|a?>"},
      {"return require('ngx.base64').decode_base64url('*')", "nil|invalid input"},
      {"return require('ngx.base64').encode_base64url(1)", "nil|must provide a string"},
  });
}

TEST(Args, AreEncoded) {
  expect_chunks({
      {"return ngx.encode_args({c = {'x', 1, true, false}})", "c=x&c=1&c"},
      {"return ngx.encode_args({a = true}), ngx.encode_args({a = false}), ngx.encode_args({a = {}})", "a||"},
      {"return ngx.encode_args({['a b'] = 'c&d=+'})", "a%20b=c%26d%3D%2B"},
      {"return ngx.encode_args({['1'] = 2})", "1=2"},
      {"local x = ngx.encode_args({[1] = 'a'})",
       "error: test:1: attempt to use a non-string key in the \"args\" option table"},
      {"local x = ngx.encode_args({a = print})", "error: test:1: attempt to use function as query arg value"},
      {"local x = ngx.encode_args({a = ngx.null})",
       "error: test:1: attempt to use userdata as query arg value"},
      {"local x = ngx.encode_args()", "error: test:1: expecting 1 argument but seen 0"},
  });
}

TEST(Args, AreDecoded) {
  expect_chunks({
      {"local t = ngx.decode_args('a=1&b&a=2&c=&=x&%20d=+e%2', 0) "
       "return t.a[1], t.a[2], t.b, t.c, t[' d']",
       "1|2|true|| e%2"},
      {"local t, e = ngx.decode_args('a=1&b=2&c=3', 2) return t.a, t.b, t.c, e", "1|2|nil|truncated"},
      {"local t, e = ngx.decode_args('a=1&b=2', 2) return t.a, t.b, e", "1|2|nil"},
      {"return ngx.decode_args('a=1&a&a=3').a[2]", "true"},
      {"return next(ngx.decode_args(''))", "nil"},
      {"local x = ngx.decode_args()", "error: test:1: expecting 1 or 2 arguments but seen 0"},
  });
}

TEST(Digest, GivesSums) {
  expect_chunks({
      {"return ngx.md5(nil), ngx.md5(1)",
       "d41d8cd98f00b204e9800998ecf8427e|c4ca4238a0b923820dcc509a6f75849b"},
      {"return ngx.crc32_short('hello'), ngx.crc32_long('hello'), ngx.crc32_short('')",
       "907060870|907060870|0"},
      {"return ngx.encode_base64(ngx.hmac_sha1('k', 'v'))", "lPxqL36JuBls904QeajBHrZ5pVI="},
      {"return ngx.encode_base64(ngx.md5_bin('abc')), ngx.encode_base64(ngx.sha1_bin('abc'))",
       "kAFQmDzST7DWlj99KOF/cg==|qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
      {"local x = ngx.hmac_sha1('k')", "error: test:1: expecting 2 arguments, but got 1"},
  });
}

TEST(Time, IsWrittenAndRead) {
  expect_chunks({
      {"return ngx.http_time(0), ngx.http_time(-1), ngx.http_time(1547178596.7)",
       "Thu, 01 Jan 1970 00:00:00 GMT|Thu, 01 Jan 1970 00:00:00 GMT|Fri, 11 Jan 2019 03:49:56 GMT"},
      {"local x = ngx.http_time('0')", "error: test:1: number argument only"},
      {"return ngx.cookie_time(1547178596), ngx.cookie_time(2147483647)",
       "Fri, 11-Jan-19 03:49:56 GMT|Tue, 19-Jan-2038 03:14:07 GMT"},
      {"local p = ngx.parse_http_time return p('Thu, 18 Nov 2010 11:27:35 GMT'), p('x'), "
       "p('Thu, 18-Nov-10 11:27:35 GMT'), p('Thu Nov 18 11:27:35 2010')",
       "1290079655|nil|1290079655|1290079655"},
      {"return math.floor(ngx.now()) == ngx.time(), math.abs(ngx.time() - os.time()) <= 1", "true|true"},
      {"return ngx.today() == ngx.localtime():sub(1, 10), ngx.utctime():match('^%d+%-%d%d%-%d%d "
       "%d%d:%d%d:%d%d$') "
       "~= nil",
       "true|true"},
  });
}

TEST(Time, StandsStillUntilUpdated) {
  LuaState lua;
  lua.loop().run_once(0);
  EXPECT_EQ(lua.eval(R"(
    ngx.update_time()
    local before, until_s = ngx.now(), os.clock() + 0.01
    while os.clock() < until_s do end
    local still = ngx.now() == before
    ngx.update_time()
    return still, ngx.now() > before)"),
            "true|true");
}

TEST(Constants, AreOpenRestys) {
  expect_chunks({
      {"return ngx.OK, ngx.ERROR, ngx.AGAIN, ngx.DONE, ngx.DECLINED", "0|-1|-2|-4|-5"},
      {"return ngx.HTTP_GET, ngx.HTTP_PATCH, ngx.HTTP_TRACE", "2|16384|32768"},
      {"return ngx.HTTP_OK, ngx.HTTP_CLOSE, ngx.HTTP_METHOD_NOT_IMPLEMENTED", "200|444|501"},
      {"return type(ngx.null), ngx.null == require('cjson').null", "userdata|true"},
  });
}

}  // namespace
}  // namespace apisix::lua
