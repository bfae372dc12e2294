// The prelude's apisix.core: what plugins call, with APISIX's results and texts.
#include <string>

#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

std::string run_core(const std::string& chunk) {
  LuaState lua;
  return lua.eval("local core = require('apisix.core') " + chunk);
}

struct Case {
  const char* chunk;
  const char* expected;
};

void expect_all(std::initializer_list<Case> cases) {
  LuaState lua;
  for (const auto& [chunk, expected] : cases) {
    EXPECT_EQ(lua.eval("local core = require('apisix.core') " + std::string(chunk)), expected) << chunk;
  }
}

TEST(CoreUtils, ParsesAddresses) {
  expect_all({
      {"return core.utils.parse_addr('127.0.0.1')", "127.0.0.1|nil"},
      {"return core.utils.parse_addr('127.0.0.1:90')", "127.0.0.1|90"},
      {"return core.utils.parse_addr('localhost:90')", "localhost|90"},
      {"return core.utils.parse_addr('www.test.com')", "www.test.com|nil"},
      {"return core.utils.parse_addr('[127.0.0.1:90')", "[127.0.0.1:90|nil"},
      {"return core.utils.parse_addr('[::1]')", "[::1]|nil"},
      {"return core.utils.parse_addr('[::1]:1234')", "[::1]|1234"},
      {"return core.utils.parse_addr('::1')", "::1|nil"},
  });
}

TEST(CoreUtils, ResolvesVariables) {
  const auto resolve = [](const std::string& text) {
    return run_core("local v = {you = 'John', me = 'David'} return (core.utils.resolve_var([[" + text +
                    "]], v))");
  };
  EXPECT_EQ(resolve("talk with $me"), "talk with David");
  EXPECT_EQ(resolve("$eva and $me"), " and David");
  EXPECT_EQ(resolve("$you and \\$me"), "John and \\$me");
  EXPECT_EQ(resolve("${you}${me}"), "JohnDavid");
  EXPECT_EQ(resolve("${ she ?? Rose }$me"), "RoseDavid");
  EXPECT_EQ(resolve("${you ?? Rose}$he??Jack"), "John??Jack");
  EXPECT_EQ(
      run_core("return core.utils.resolve_var('$a$b', {a = 1}, function(v) return '<' .. v .. '>' end)"),
      "<1>|nil|1");
  EXPECT_EQ(run_core("return (core.utils.resolve_var_with_captures('/$2/${1}', {'a', 'b'}))"), "/b/a");
}

TEST(Secret, FindsAndReplacesReferences) {
  expect_all({
      {"return core.env.PREFIX, core.env.get('APISIX_NO_SUCH_NAME')", "$ENV://|nil"},
      {"local s = require('apisix.secret') return s.is_secret_ref('$env://A'), "
       "s.is_secret_ref('$secret://a/b/c'), "
       "s.is_secret_ref('$a'), s.is_secret_ref('$env://A', {type = 'integer'})",
       "true|true|false|false"},
      {"local s = require('apisix.secret') local t = {a = {'$env://A'}} t.self = t "
       "return s.has_secret_ref(t), s.has_secret_ref({a = 'b'}), s.has_secret_ref('$env://A')",
       "true|false|false"},
      {"local s = require('apisix.secret') local t = {a = {b = '$env://PATH', c = "
       "'$env://APISIX_NO_SUCH_NAME'}} "
       "local new = s.fetch_secrets(t) "
       "return new.a.b == os.getenv('PATH'), new.a.c, t.a.b, s.fetch_secrets('x')",
       "true|$env://APISIX_NO_SUCH_NAME|$env://PATH|nil"},
      {"return require('apisix.secret').check_secret_uri('http://a')",
       "false|error secret_uri prefix: http://a"},
  });
}

TEST(CoreUtils, ChecksHeaderFields) {
  expect_all({
      {"return core.utils.validate_header_field('X-A'), core.utils.validate_header_field('X A'), "
       "core.utils.validate_header_field('X:A'), core.utils.validate_header_field('X\\n')",
       "true|false|false|false"},
      {"return core.utils.validate_header_value('a b'), core.utils.validate_header_value('a\\r')",
       "true|false"},
      {"return core.utils.uri_safe_encode('/a b?c')", "/a%20b%3Fc"},
      {"return #core.utils.generate_uuid_v7(), core.utils.generate_uuid_v7() < core.utils.generate_uuid_v7()",
       "36|true"},
  });
}

TEST(CoreString, SaysWhichTypeIsWrong) {
  expect_all({
      {"return core.string.has_prefix('ab', 'a'), core.string.has_suffix('ab', 'ab'), core.string.find('[a', "
       "'[')",
       "true|true|1|1"},
      {"return select(2, pcall(core.string.has_prefix, 1, 'a')):match('unexpected.*')",
       "unexpected type: s:number, prefix:string"},
      {"return core.string.rfind_char('a.b.c', '.')", "4"},
  });
}

TEST(CoreTable, ChangesTables) {
  expect_all({
      {"local t = {'x'} core.table.insert_tail(t, 'a', 1) return table.concat(t, ',')", "x,a,1"},
      {"local t = core.table.merge({a = {b = 1}, l = {1, 2}, n = 1}, {a = {c = 2}, l = {3}, n = ngx.null}) "
       "return t.a.b, t.a.c, #t.l, t.n",
       "1|2|1|nil"},
      {"local status, why, node = core.table.patch({}, 'a/b', 5) return status, why, node.a.b", "nil|nil|5"},
      {"return core.table.patch({a = 1}, 'a/b', 5)", "400|invalid sub-path: /a"},
      {"local t = {a = {b = {}}} local c = core.table.deepcopy(t, {shallows = {'self.a.b'}}) "
       "return c.a ~= t.a, c.a.b == t.a.b",
       "true|true"},
      {"return core.table.try_read_attr({a = {b = 2}}, 'a', 'b'), core.table.try_read_attr({a = 1}, 'a', "
       "'b')",
       "2|nil"},
      {"return core.table.deep_eq({1, {2}}, {1, {2}}), core.table.set_eq({a = 1}, {b = 1})", "true|false"},
  });
}

TEST(CoreJson, EncodesWhatJsonDoesNotKnowByForce) {
  expect_all({
      {"return core.json.encode(core.json.decode('{\"arr\":[]}'))", R"({"arr":[]})"},
      {"local a = {} a.b = {a = a} return (core.json.encode(a, true):gsub('0x%x+', 'X'))",
       R"({"b":{"a":{"b":"table: X"}}})"},
      {"local v = core.json.decode('{\"a\":null,\"b\":{\"c\":null}}', {null_as_nil = true}) return v.a, "
       "v.b.c",
       "nil|nil"},
      {"return tostring(core.json.delay_encode({a = 1})) .. tostring(core.json.delay_encode({a = 2}))",
       R"({"a":1}{"a":2})"},
      {"return core.json.stably_encode({b = 1, a = {2, 3}})", R"({"a":[2,3],"b":1})"},
  });
}

TEST(CoreLruCache, MakesOneObjectForEachVersion) {
  expect_all({
      {"local made = 0 local cache = core.lrucache.new({ttl = 10, count = 4}) "
       "local function make() made = made + 1 return made end "
       "return cache('k', 1, make), cache('k', 1, make), cache('k', 2, make), (cache('x', 2, make))",
       "1|1|2|3"},
      {"local made = 0 local cache = core.lrucache.new({neg_ttl = 10, neg_count = 4}) "
       "local function make() made = made + 1 return nil, 'no' .. made end "
       "local _, first = cache('k', 1, make) local _, second = cache('k', 1, make) return first, second",
       "no1|no1"},
      {"return core.lrucache.plugin_ctx_id({conf_type = 'route', conf_id = '1', conf_version = 7}, 'x')",
       "route#1#x#7"},
  });
}

TEST(CoreLruCache, LetsOthersWaitForTheOneThatMakesIt) {
  EXPECT_EQ(run_core(R"(
    local made = 0
    local cache = core.lrucache.new({ttl = 10, count = 4, serial_creating = true})
    local pause = require('ngx.semaphore').new(0)
    local function make() pause:wait(0.01) made = made + 1 return made end
    local one = ngx.thread.spawn(cache, 'k', 1, make)
    local two = ngx.thread.spawn(cache, 'k', 1, make)
    local _, a = ngx.thread.wait(one)
    local _, b = ngx.thread.wait(two)
    return a, b, made)"),
            "1|1|1");
}

TEST(CoreConfigUtil, ReadsTimes) {
  expect_all({
      {"return core.config_util.parse_time_unit('1h 30m'), core.config_util.parse_time_unit('1s 10ms'), "
       "core.config_util.parse_time_unit('10')",
       "5400|1.01|10"},
      {"return core.config_util.parse_time_unit('1m 1h')", "nil|unexpected unit: h"},
      {"return core.config_util.parse_time_unit('1x')", "nil|invalid data: x"},
      {"return core.config_util.parse_time_unit('1s1')",
       "nil|specific unit conflicts with the default unit second"},
  });
}

TEST(CoreResolver, GivesAnAddressAsItIs) {
  expect_all({
      {"return core.resolver.parse_domain('127.0.0.1')", "127.0.0.1"},
      {"return core.resolver.parse_domain('x.test')",
       "nil|failed to query the DNS server: there is no resolver"},
  });
}

TEST(Expr, DecidesByOperators) {
  const auto decide = [](const std::string& rule) {
    LuaState lua;
    return lua.eval(
        "local e, err = require('resty.expr.v1').new(" + rule +
        ") if not e then return nil, err end return e:eval({a = '1', l = {'x'}, ip = '10.0.0.7'})");
  };
  EXPECT_EQ(decide("{{'a', '==', 1}}"), "true");
  EXPECT_EQ(decide("{{'a', '==', '2'}}"), "false");
  EXPECT_EQ(decide("{{'a', '!', '==', '2'}}"), "true");
  EXPECT_EQ(decide("{{'none', '~=', 1}}"), "true");
  EXPECT_EQ(decide("{'OR', {'a', '==', '2'}, {'l', 'has', 'x'}}"), "true");
  EXPECT_EQ(decide("{'!OR', {'a', '==', '2'}, {'l', 'has', 'x'}}"), "false");
  EXPECT_EQ(decide("{'!AND', {'a', '==', '1'}, {'a', 'in', {'2'}}}"), "true");
  EXPECT_EQ(decide("{{'ip', 'ipmatch', {'10.0.0.0/8'}}}"), "true");
  EXPECT_EQ(decide("{{'a', '~~', '^[0-9]$'}}"), "true");
  EXPECT_EQ(decide("{'a', '==', '1'}"), "nil|rule should be wrapped inside brackets");
  EXPECT_EQ(decide("{{'a', 'zz', '1'}}"), "nil|invalid operator 'zz'");
  EXPECT_EQ(decide("{'OR', {'a', '1'}}"), "nil|rule too short");
  EXPECT_EQ(decide("{}"), "true");
}

}  // namespace
}  // namespace apisix::lua
