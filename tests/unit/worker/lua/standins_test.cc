// Stand-ins of libraries that need neither a network nor the gateway's configuration.
#include "tests/unit/worker/lua/chunk_table.h"

namespace apisix::lua {
namespace {

TEST(LuaStandins, Yaml) {
  expect_chunks({
      kNoPath,
      {"local v = require('tinyyaml').parse('a: 1\\nb: [x, true, null]\\nc: {d: 1.5}') "
       "return v.a, v.b[1], v.b[2], v.b[3] == ngx.null, v.c.d",
       "1|x|true|true|1.5"},
      {"return (pcall(require('tinyyaml').parse, 'a: [1'))", "false"},
      {"local l = require('lyaml') local v = l.load('a: 1\\n---\\nb: 2\\n') return v.a, v.b", "1|nil"},
      {"local l = require('lyaml') local v = l.load('---\\na: 1\\n---\\nb: 2\\n...\\n', {all = true}) "
       "return #v, v[1].a, v[2].b",
       "2|1|2"},
      {"local l = require('lyaml') return l.dump({{a = {1, 2}, b = 'x'}})",
       "---\na:\n  - 1\n  - 2\nb: x\n...\n"},
      {"local l = require('lyaml') local v = l.load(l.dump({{a = {b = {1, 'no'}}}})) return v.a.b[2]", "no"},
      {"return (pcall(require('lyaml').load, 5))", "false"},
  });
}

TEST(LuaStandins, MultipartIsReadAndWritten) {
  expect_chunks({
      kNoPath,
      {"local body = '--b\\r\\nContent-Disposition: form-data; name=\"one\"\\r\\n\\r\\nx\\r\\ny\\r\\n"
       "--b\\r\\nContent-Disposition: form-data; name=\"two\"; filename=\"f.txt\"\\r\\n"
       "Content-Type: text/plain\\r\\n\\r\\n\\r\\n--b--\\r\\n' "
       "form = require('multipart')(body, 'multipart/form-data; boundary=b') "
       "return form:get('one').value, form:get('two').value, form:get('two').filename, "
       "#form:get('two').headers, form:get('three'), form:tostring() == body",
       "x\r\ny||f.txt|2|nil|true"},
      {"form:set_simple('one', 'z') form:delete('two') form:set_simple('three', '3', 'a.bin', 'image/png') "
       "local again = require('multipart')(form:tostring(), 'multipart/form-data; boundary=\"b\"') "
       "return again:get_all().one, again:get('three').filename, again:get('two')",
       "z|a.bin|nil"},
      {"local form = require('multipart')('--b\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n1\\r\\n"
       "--b\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n2\\r\\n--b--', "
       "'multipart/form-data; boundary=b') "
       "return #form:get_as_array('a'), form:get('a', 2).value, form:get_all_with_arrays().a[1]",
       "2|2|1"},
      {"return next(require('multipart')('text', 'text/plain'):get_all()), "
       "next(require('multipart')(nil, nil):get_all())",
       "nil|nil"},
  });
}

TEST(LuaStandins, RoundRobinKeepsTheWeights) {
  expect_chunks({
      kNoPath,
      {"rr = require('resty.roundrobin'):new({a = 3, b = 1}) local count = {a = 0, b = 0} "
       "for i = 1, 400 do local id = rr:find() count[id] = count[id] + 1 end return count.a, count.b",
       "300|100"},
      {"rr:set('a', 1) local count = {a = 0, b = 0} "
       "for i = 1, 400 do local id = rr:find() count[id] = count[id] + 1 end return count.a, count.b",
       "200|200"},
      {"rr:delete('a') rr:delete('b') return rr:find()", "nil"},
  });
}

TEST(LuaStandins, ConsistentHashMovesFewKeys) {
  expect_chunks({
      kNoPath,
      {"local chash = require('resty.chash') local nodes = {a = 1, b = 1, c = 1} "
       "local before, after = chash:new(nodes), chash:new({a = 1, b = 1}) local moved, of_c, count = 0, 0, "
       "{} "
       "for i = 1, 1000 do local one, other = before:find(i), after:find(i) count[one] = 1 "
       "if one == 'c' then of_c = of_c + 1 elseif one ~= other then moved = moved + 1 end end "
       "return moved, of_c > 200 and of_c < 500, count.a, count.b",
       "0|true|1|1"},
      {"local ring = require('resty.chash'):new({a = 1, b = 1}) local id, place = ring:find('k') "
       "local seen = {[id] = true} for i = 1, 400 do id, place = ring:next(place) seen[id] = true end "
       "return seen.a, seen.b",
       "true|true"},
  });
}

TEST(LuaStandins, JsonSchema) {
  expect_chunks({
      kNoPath,
      {"local check = require('jsonschema').generate_validator({type = 'object', required = {'a'}}) "
       "return check({a = 1}), check({})",
       "true|false|property \"a\" is required"},
      {"return (pcall(require('jsonschema').generate_validator, {type = 'wrong'}))", "false"},
  });
}

}  // namespace
}  // namespace apisix::lua
