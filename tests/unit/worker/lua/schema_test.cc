// core.schema: schemas and values that are Lua tables, as api7's jsonschema reads them.
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

struct SchemaCase {
  const char* chunk;
  std::string_view expected;
};

void expect_schemas(std::initializer_list<SchemaCase> cases) {
  LuaState lua;
  for (const auto& [chunk, expected] : cases) {
    const std::string text =
        "local core = require('apisix.core') local check = core.schema.check " + std::string(chunk);
    EXPECT_EQ(lua.eval(text), expected) << chunk;
  }
}

TEST(Schema, TakesWhatPluginsWrite) {
  expect_schemas({
      // A list where a schema is expected says nothing, neither do items beside named members.
      {"return check({type = 'object', properties = {required = {'a'}, a = {{type = 'string'}}}}, {a = "
       "1})",
       "true"},
      {"return check({type = 'object', properties = {a = {description = 'x', {type = 'string'}}}}, {a = "
       "1})",
       "true"},
      {"return check({type = 'object', properties = {a = false}}, {a = 1})",
       "false|property \"a\" validation failed: expect false always"},
      // Empty lists.
      {"return check({type = 'object', anyOf = {}, enum = {}, properties = {a = {type = 'array'}}}, {a = "
       "{}})",
       "true"},
      {"return check({type = 'object', dependencies = {a = {'b'}, c = {required = {'d'}}}}, {a = 1})",
       "false|property \"b\" is required when \"a\" is set"},
      {"return check({type = 'object', dependencies = {a = {'b'}, c = {required = {'d'}}}}, {c = 1})",
       "false|failed to validate dependent schema for \"c\": property \"d\" is required"},
      {"return check({type = 'array', items = {{type = 'string'}, {type = 'number'}}}, {'a', 'b'})",
       "false|failed to validate item 2: wrong type: expected number, got string"},
      // What no schema can speak of is not looked at.
      {"return check({type = 'object', properties = {a = {type = 'number'}}}, {a = 1, f = print})", "true"},
  });
}

TEST(Schema, RefusesEverythingWithOneThatIsNone) {
  expect_schemas({
      {"local ok, err = check({type = 1}, {}) return ok, (err:find('^invalid schema: '))", "false|1"},
      {"local s = {type = 'object'} s.properties = {a = s} local ok, err = check(s, {}) return ok, err",
       "false|invalid schema: nested too deeply"},
  });
}

TEST(Schema, FillsDefaultsIn) {
  expect_schemas({
      {"local t = {} check({type = 'object', properties = {a = {default = 1}}}, t) return t.a", "1"},
      {"local t = {l = {{}}} check({type = 'object', properties = {l = {type = 'array', items = {type = "
       "'object', properties = {a = {type = 'boolean', default = 'x'}}}}}}, t) return t.l[1].a",
       "x"},
  });
}

TEST(Schema, FillsTheDefaultsOfADefaultIn) {
  expect_schemas({
      {"local t = {} check({type = 'object', properties = {a = {type = 'object', default = {}, properties = "
       "{b = "
       "{default = 5}}}}}, t) return t.a.b",
       "5"},
  });
}

TEST(Schema, HasThePartsOfTheGatewaysOwn) {
  expect_schemas({
      {"return #core.schema.ip_def, core.schema.nothing", "4|nil"},
      {"return core.schema.check(core.schema.upstream, {nodes = {['a:80'] = 1}})", "true"},
      {"return core.schema.check(require('apisix.schema_def').upstream, {})",
       "false|value should match only one schema, but matches none"},
      {"local valid = core.schema.valid({type = 'number'}) return valid('a')",
       "false|wrong type: expected number, got string"},
      {"return core.schema.valid({type = 'test'})", "nil|schema: invalid JSON type: test"},
      {"return core.schema.valid({properties = {a = {enum = 'b'}}})",
       "nil|schema /properties/a: enum must be an array: table expected, got string"},
      {"return core.schema.valid({type = 'object', required = 'a'})",
       "nil|schema /required: expected an array of names: table expected, got string"},
  });
}

}  // namespace
}  // namespace apisix::lua
