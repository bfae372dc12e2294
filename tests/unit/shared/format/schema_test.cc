#include "shared/format/schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace apisix::format {
namespace {

Json json(const std::string& text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().what);
  return value ? *value : Json();
}

Schema compiled(const std::string& text) {
  auto schema = Schema::compile(json(text));
  EXPECT_TRUE(schema) << text << ": " << (schema ? "" : schema.error().what);
  return std::move(schema).value();
}

std::string fault_of(const std::string& schema, const std::string& value) {
  const Schema rules = compiled(schema);
  const Json document = json(value);
  const auto status = rules.validate(document);
  const auto faults = rules.faults(document);
  EXPECT_EQ(faults.empty(), status.has_value()) << schema << " on " << value;
  return status ? "" : status.error().what;
}

struct Case {
  const char* schema;
  const char* value;
  const char* fault;  // "" = valid
};

void expect_faults(std::initializer_list<Case> cases) {
  for (const Case& c : cases)
    EXPECT_EQ(fault_of(c.schema, c.value), c.fault) << c.schema << " on " << c.value;
}

TEST(Schema, Types) {
  expect_faults({
      {R"({"type":"string"})", "1", "wrong type: expected string, got number"},
      {R"({"type":"string"})", "null", "wrong type: expected string, got userdata"},
      {R"({"type":"string"})", "{}", "wrong type: expected string, got table"},
      {R"({"type":"integer"})", "1.0", ""},
      {R"({"type":"integer"})", "1e3", ""},
      {R"({"type":"integer"})", "1.5", "wrong type: expected integer, got number"},
      {R"({"type":"number"})", "\"1\"", "wrong type: expected number, got string"},
      {R"({"type":"boolean"})", "0", "wrong type: expected boolean, got number"},
      {R"({"type":"null"})", "null", ""},
      {R"({"type":"null"})", "false", "wrong type: expected null, got boolean"},
      {R"({"type":["string","integer"]})", "true",
       "wrong type: expected one of string, integer, got boolean"},
      {R"({"type":["string","integer"]})", "7", ""},
      {R"({"type":"table"})", "[1]", ""},
      {R"({"type":"table"})", "1", "wrong type: expected table, got number"},
      {"true", "1", ""},
      {"false", "1", "expect false always"},
      {"{}", "null", ""},
  });
}

TEST(Schema, EmptyArrayAndEmptyObjectAreTheSame) {
  expect_faults({
      {R"({"type":"object"})", "[]", ""},
      {R"({"type":"array"})", "{}", ""},
      {R"({"type":"object"})", "[1]", "wrong type: expected object, got table"},
      {R"({"type":"array"})", R"({"a":1})", "wrong type: expected array, got table"},
      {R"({"required":["a"]})", "[]", "property \"a\" is required"},
      {R"({"required":["a"]})", "[1]", ""},
      {R"({"type":"array","minItems":1})", "{}", "expect array to have at least 1 items"},
      {R"({"enum":[[]]})", "{}", ""},
      {R"({"required":[]})", "{}", ""},
      {R"({"required":[]})", R"({"a":1})", "the input data should be an empty table"},
  });
}

TEST(Schema, Properties) {
  expect_faults({
      {R"({"properties":{"a":{"type":"string"}}})", R"({"a":1})",
       "property \"a\" validation failed: wrong type: expected string, got number"},
      {R"({"properties":{"a":{"properties":{"b":{"type":"string"}}}}})", R"({"a":{"b":1}})",
       "property \"a\" validation failed: property \"b\" validation failed: "
       "wrong type: expected string, got number"},
      {R"({"properties":{"a":{}},"required":["a","b"]})", R"({"b":1})", "property \"a\" is required"},
      {R"({"properties":{"a":{}},"required":["a","b"]})", R"({"a":1})", "property \"b\" is required"},
      {R"({"properties":{"a":{}},"required":["a"]})", R"({"a":null})", ""},
      {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1,"x":1})",
       "additional properties forbidden, found x"},
      {R"({"additionalProperties":{"type":"string"}})", R"({"x":1})",
       "failed to validate additional property x: wrong type: expected string, got number"},
      {R"({"patternProperties":{".*":{"type":"string"}}})", R"({"env":1})",
       "failed to validate env (matching \".*\"): wrong type: expected string, got number"},
      {R"({"patternProperties":{"^\\d+$":{"type":"string"}},"additionalProperties":false})", R"({"7":1})",
       "failed to validate 7 (matching \"^\\d+$\"): wrong type: expected string, got number"},
      {R"({"patternProperties":{"^a":{}},"additionalProperties":false})", R"({"ab":1,"b":1})",
       "additional properties forbidden, found b"},
      {R"({"minProperties":2})", R"({"a":1})", "expect object to have at least 2 properties"},
      {R"({"maxProperties":1})", R"({"a":1,"b":1})", "expect object to have at most 1 properties"},
      {R"({"minProperties":1})", "\"x\"", ""},
      {R"({"properties":{"a":{"default":1}},"minProperties":1})", "{}", ""},
  });
}

TEST(Schema, Dependencies) {
  expect_faults({
      {R"({"dependencies":{"a":["b"]}})", R"({"a":1})", "property \"b\" is required when \"a\" is set"},
      {R"({"properties":{"a":{}},"dependencies":{"a":["b"]}})", R"({"a":1})",
       "property \"b\" is required when \"a\" is set"},
      {R"({"dependencies":{"a":["b"]}})", R"({"c":1})", ""},
      {R"({"properties":{"cert":{}},"dependencies":{"cert":{"required":["key"]}}})", R"({"cert":1})",
       "failed to validate dependent schema for \"cert\": property \"key\" is required"},
      {R"({"dependencies":{"id":{"not":{"required":["cert","key"]}}}})", R"({"id":1,"cert":1,"key":1})",
       "failed to validate dependent schema for \"id\": value wasn't supposed to match schema"},
  });
}

TEST(Schema, Arrays) {
  expect_faults({
      {R"({"items":{"type":"string"}})", R"(["a",1])",
       "failed to validate item 2: wrong type: expected string, got number"},
      {R"({"minItems":1})", "[]", "expect array to have at least 1 items"},
      {R"({"maxItems":1})", "[1,2]", "expect array to have at most 1 items"},
      {R"({"uniqueItems":true})", R"(["/foo","/bar","/foo"])",
       "expected unique items but items 1 and 3 are equal"},
      {R"({"uniqueItems":true})", "[5,1,2,1.0,5]", "expected unique items but items 2 and 4 are equal"},
      {R"({"uniqueItems":true})", R"([{"a":[1]},1,{"a":[1.0]}])",
       "expected unique items but items 1 and 3 are equal"},
      {R"({"uniqueItems":true})", R"([1,"1",true,null,[1],{"a":1}])", ""},
      {R"({"uniqueItems":false})", "[1,1]", ""},
      {R"({"items":[{"type":"string"},{"type":"number"}],"additionalItems":false})", R"(["a",1,2])",
       "found unexpected extra items in array"},
      {R"({"items":[{"type":"string"}],"additionalItems":{"type":"number"}})", R"(["a",1,"b"])",
       "failed to validate additional item 3: wrong type: expected number, got string"},
      {R"({"items":[{"type":"string"}]})", "[1]",
       "failed to validate item 1: wrong type: expected string, got number"},
      {R"({"contains":{"const":"x"}})", R"(["y"])", "failed to check contains"},
      {R"({"contains":{"const":"x"}})", R"(["y","x"])", ""},
      {R"({"contains":{"const":"x"}})", "[]", "check contains: empty array is invalid"},
      {R"({"items":false})", "[1]", "expect false always"},
      {R"({"items":false})", "[]", ""},
  });
}

TEST(Schema, Strings) {
  expect_faults({
      {R"({"minLength":1})", R"("")", "string too short, expected at least 1, got 0"},
      {R"({"maxLength":2})", R"("abc")", "string too long, expected at most 2, got 3"},
      {R"({"maxLength":3})", "\"\u263a\u263b\u2639\"", ""},
      {R"({"maxLength":1})", "\"\xff\xfe\"", "string too long, expected at most 1, got 2"},
      {R"({"minLength":2,"maxLength":2})", "\"\xe0\x80\"", ""},
      {R"({"minLength":3,"maxLength":3})",
       "\"\xe2\x80"
       "a\"",
       ""},
      {R"({"pattern":"^function"})", R"("func")", R"(failed to match pattern "^function" with "func")"},
      // As Lua's %q shows both: the backslashes of the pattern double.
      {R"({"pattern":"^\\d+%$"})", R"("a\"b\\\n\u00011")",
       "failed to match pattern \"^\\\\d+%$\" with \"a\\\"b\\\\\\\n\\0011\""},
      {R"({"pattern":"b"})", R"("abc")", ""},
      {R"({"minLength":1})", "0", ""},
  });
}

TEST(Schema, Numbers) {
  expect_faults({
      {R"({"minimum":0})", "-1", "expected -1 to be at least 0"},
      {R"({"exclusiveMinimum":0})", "0", "expected 0 to be greater than 0"},
      {R"({"maximum":65535})", "65536", "expected 65536 to be at most 65535"},
      {R"({"exclusiveMaximum":1.5})", "1.5", "expected 1.5 to be smaller than 1.5"},
      {R"({"minimum":0.1})", "0.05", "expected 0.05 to be at least 0.1"},
      {R"({"multipleOf":3})", "7", "expected 7 to be a multiple of 3"},
      {R"({"multipleOf":0.01})", "1.13", ""},
      {R"({"multipleOf":0.01})", "1.135", "expected 1.135 to be a multiple of 0.01"},
      {R"({"maximum":1})", "100000000000000", "expected 1e+14 to be at most 1"},
  });
}

TEST(Schema, EnumAndConst) {
  expect_faults({
      {R"({"enum":["a",1,true]})", "1.0", ""},
      {R"({"enum":["a",1,true]})", "\"1\"", "matches none of the enum values"},
      {R"({"const":{"a":[1]}})", R"({"a":[1.0]})", ""},
      {R"({"const":"x"})", "\"y\"", "failed to check const value"},
  });
}

TEST(Schema, Formats) {
  expect_faults({
      {R"({"format":"ipv4"})", R"("127.0.0.1")", ""},
      {R"({"format":"ipv4"})", R"("127.0.0.1000")", "expect valid ipv4 format but got: 127.0.0.1000"},
      {R"({"format":"ipv6"})", R"("::1")", ""},
      {R"({"format":"ipv6"})", R"("[::1]")", "expect valid ipv6 format but got: [::1]"},
      {R"({"format":"email"})", R"("a.b@c.io")", ""},
      {R"({"format":"email"})", R"("a.b")", "expect valid email format but got: a.b"},
      {R"({"format":"uuid"})", R"("123e4567-e89b-12d3-a456-426614174000")", ""},
      {R"({"format":"date-time"})", R"("2024-02-29T10:00:00Z")", ""},
      {R"({"format":"date-time"})", R"("2024-02-29 10:00")",
       "expect valid date-time format but got: 2024-02-29 10:00"},
      {R"({"format":"whatever"})", R"("x")", ""},
      {R"({"format":"ipv4"})", "1", ""},
  });
}

TEST(Schema, Compounds) {
  expect_faults({
      {R"({"allOf":[{},{"type":"string"}]})", "1", "allOf 2 failed: wrong type: expected string, got number"},
      {R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", "true", "object matches none of the required"},
      {R"({"anyOf":[{"required":["a","b"]},{"required":["c"]}]})", "{}",
       R"(object matches none of the required: ["a","b"] or ["c"])"},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", "{}",
       "value should match only one schema, but matches none"},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1,"b":1})",
       "value should match only one schema, but matches both schemas 1 and 2"},
      {R"({"not":{"type":"string"}})", "\"a\"", "value wasn't supposed to match schema"},
      {R"({"if":{"type":"string"},"then":{"minLength":1}})", "\"\"", "then clause did not match"},
      {R"({"if":{"type":"string"},"else":{"minimum":1}})", "0", "else clause did not match"},
      {R"({"if":{"type":"string"},"then":{"minLength":1}})", "0", ""},
  });
}

TEST(Schema, References) {
  expect_faults({
      {R"({"definitions":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n"}}})",
       R"({"a":"x"})", "property \"a\" validation failed: wrong type: expected integer, got string"},
      {R"({"properties":{"foo/bar":{"type":"integer"},"bar":{"$ref":"#/properties/foo%2fbar"}}})",
       R"({"bar":true})", "property \"bar\" validation failed: wrong type: expected integer, got boolean"},
      {R"({"type":"object","properties":{"next":{"$ref":"#"}}})", R"({"next":{"next":{"next":7}}})",
       "property \"next\" validation failed: property \"next\" validation failed: property \"next\" "
       "validation failed: wrong type: expected object, got number"},
  });
}

TEST(Schema, SchemasWithoutEndAreStopped) {
  EXPECT_EQ(fault_of(R"({"allOf":[{"$ref":"#"}]})", "1").find("allOf 1 failed"), 0U);
  EXPECT_NE(fault_of(R"({"anyOf":[{"$ref":"#"},{"$ref":"#"}]})", "1"), "");
}

// Each definition refers to the next: deep without being nested.
TEST(Schema, AChainOfReferencesIsAsDeepAsACheckGoes) {
  const auto compile_chain = [](int links) {
    std::string text = R"({"$ref":"#/definitions/d0","definitions":{)";
    for (int i = 0; i + 1 < links; ++i)
      text += fmt::format(R"("d{}":{{"properties":{{"p":{{"$ref":"#/definitions/d{}"}}}}}},)", i, i + 1);
    return Schema::compile(json(text + fmt::format(R"("d{}":{{"type":"string"}}}}}})", links - 1)));
  };
  EXPECT_TRUE(compile_chain(300));
  for (const int links : {301, 30'000}) {
    const auto deeper = compile_chain(links);
    ASSERT_FALSE(deeper);
    EXPECT_TRUE(deeper.error().what.ends_with(": the schema is too deep"))
        << deeper.error().what.substr(0, 99);
  }
}

// Of the deepest JSON there can be; faults() walks as deep.
TEST(Schema, TheDeepestValueIsCheckedByASchemaThatRefersToItself) {
  const std::string open(kJsonDepthMax, '[');
  const std::string close(kJsonDepthMax, ']');
  const std::string nested_lists = R"({"type":"array","items":{"$ref":"#"}})";
  EXPECT_EQ(fault_of(nested_lists, open + close), "");
  EXPECT_NE(fault_of(nested_lists, open.substr(1) + "1" + close.substr(1)), "");
}

TEST(Schema, SecretReferencesPassAsStrings) {
  expect_faults({
      {R"({"type":"string","enum":["a"]})", R"("$secret://vault/1/k")", ""},
      {R"({"type":"string","maxLength":3})", R"("$env://K")", ""},
      {R"({"enum":["a"]})", R"("$ENV://K")", ""},
      {R"({"type":"string","maxLength":3})", R"("$SECRET://K")",
       "string too long, expected at most 3, got 11"},
      {R"({"type":"integer"})", R"("$secret://x")", "wrong type: expected integer, got string"},
  });
}

TEST(Schema, FillsDefaults) {
  const Schema schema = compiled(R"({
    "properties": {
      "a": {"default": {"x": [1]}},
      "b": {"type": "object", "properties": {"c": {"default": false}}},
      "d": {"default": 7},
      "e": {"default": "$x"}
    },
    "oneOf": [{"properties": {"f": {"default": 1}}}]
  })");
  Json value = json(R"({"b":[],"d":8,"e":null})");
  EXPECT_TRUE(schema.check(value));
  EXPECT_EQ(to_json(value), R"({"a":{"x":[1]},"b":{"c":false},"d":8,"e":null,"f":1})");

  Json untouched = json("{}");
  EXPECT_TRUE(schema.validate(untouched));
  EXPECT_EQ(to_json(untouched), "{}");
  schema.apply_defaults(untouched);
  EXPECT_EQ(to_json(untouched), R"({"a":{"x":[1]},"d":7,"e":"$x","f":1})");
}

TEST(Schema, BadSchemasAreRefusedWithTheirPlace) {
  struct Bad {
    const char* schema;
    const char* why;
  };
  for (const auto& [schema, why] : {
           Bad{R"({"type":"invalid type"})", "invalid JSON type: invalid type"},
           Bad{R"({"properties":{"a":{"type":7}}})", "/properties/a: type must be a name or a list of names"},
           Bad{R"({"items":{"pattern":"("}})", "/items: bad regex \"(\""},
           Bad{R"({"anyOf":[{"$ref":"#/definitions/x"}]})", "/anyOf/0: reference not found: #/definitions/x"},
           Bad{R"({"$ref":"http://example.com/x"})", "reference not found: http://example.com/x"},
           Bad{R"({"a":{"$ref":"#/a"},"$ref":"#/a"})", "$ref leads in a circle"},
           Bad{R"({"properties":{"a":"integer"}})", "/properties/a: expected an object or a boolean"},
           Bad{R"({"minLength":"1"})", "minLength must be a number"},
           Bad{R"({"required":"a"})", "/required: expected an array of names: table expected, got string"},
           Bad{R"({"enum":"a"})", "enum must be an array: table expected, got string"},
           Bad{"7", "expected an object or a boolean"},
       }) {
    const auto compiled = Schema::compile(json(schema));
    ASSERT_FALSE(compiled) << schema;
    EXPECT_NE(compiled.error().what.find(why), std::string::npos) << compiled.error().what;
  }
}

// "<pointer> <rule> <hint>" of each fault.
std::vector<std::string> told(const std::string& schema, const std::string& value) {
  std::vector<std::string> out;
  for (const Fault& fault : compiled(schema).faults(json(value))) {
    out.push_back(fault.pointer + " " + fault.rule + " " + fault.hint);
  }
  return out;
}

using Told = std::vector<std::string>;

TEST(SchemaFaults, ListsAll) {
  EXPECT_EQ(
      told(R"({"properties":{"a":{"type":"integer"},"b":{"items":{"enum":["GET","PUT"]}},"c/d":{"minimum":1}},
                     "required":["e"],"additionalProperties":false})",
           R"({"a":"80","b":["GTE","x"],"c/d":0,"f":1})"),
      (Told{"/a type write 80 without quotes", "/b/0 enum did you mean \"GET\"?",
            "/b/1 enum one of \"GET\", \"PUT\"", "/c~1d minimum ", " required add \"e\"",
            "/f additionalProperties "}));
}

TEST(SchemaFaults, SuggestsNames) {
  EXPECT_EQ(
      told(R"({"properties":{"uri":{},"uris":{},"host":{}},"additionalProperties":false})", R"({"url":"/"})"),
      (Told{"/url additionalProperties did you mean \"uri\"?"}));
}

TEST(SchemaFaults, TellsTheNearestBranch) {
  const char* nodes = R"({"anyOf":[{"type":"object","patternProperties":{".*":{"type":"integer"}}},
      {"type":"array","items":{"type":"object","required":["host","weight"]}}]})";
  EXPECT_EQ(told(nodes, R"([{"host":"a"}])"),
            (Told{" anyOf nearest: property \"weight\" is required", "/0 required add \"weight\""}));
  EXPECT_EQ(told(nodes, R"({"a:80":"1"})"), (Told{" anyOf nearest: wrong type: expected integer, got string",
                                                  "/a:80 type write 1 without quotes"}));
  EXPECT_EQ(told(nodes, "7"), (Told{" anyOf "}));
}

TEST(SchemaFaults, NamesWhatToAddOrRemove) {
  EXPECT_EQ(told(R"({"anyOf":[{"required":["a","uri"]},{"required":["b","uri"]}]})", R"({"uri":1})"),
            (Told{" anyOf add one of \"a\", \"b\""}));
  EXPECT_EQ(told(R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1,"b":1})"),
            (Told{" oneOf keep only one of \"a\", \"b\""}));
  EXPECT_EQ(told(R"({"not":{"anyOf":[{"required":["x","y"]},{"required":["a","b"]}]}})", R"({"a":1,"b":1})"),
            (Told{" not \"a\" and \"b\" exclude each other"}));
}

TEST(SchemaFaults, CutsLongValuesAndLists) {
  const Schema schema = compiled(R"({"items":{"maxLength":1}})");
  Json value(::Json::arrayValue);
  for (int i = 0; i < 300; ++i) value.append(std::string(1000, 'k'));
  const auto faults = schema.faults(value);
  ASSERT_EQ(faults.size(), kFaultsMax);
  EXPECT_LT(faults[0].value.asString().size(), 100U);
}

}  // namespace
}  // namespace apisix::format
