#include "worker/plugins/mock_schema.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::plugins {
namespace {

using format::Json;

Json parse(const std::string& text) {
  return *format::parse_json(text);
}

TEST(MockSchema, ExamplesStandAsTheyAre) {
  base::Random random(1);
  const MockSchema schema(parse(R"({"properties": {
      "s": {"type": "string", "example": "a\"b<c>"},
      "i": {"type": "Integer", "example": -1.5},
      "n": {"type": "number", "example": 1e3},
      "b": {"type": "boolean", "example": true}}})"));
  EXPECT_EQ(schema.json(random), R"({"b":true,"i":-2,"n":1000,"s":"a\"b<c>"})");
  EXPECT_EQ(schema.xml(random),
            "<data>\n  <b>true</b>\n  <i>-2</i>\n  <n>1000</n>\n  <s>a&quot;b&lt;c&gt;</s>\n</data>");
}

TEST(MockSchema, RandomValuesAreOfTheirType) {
  base::Random random(1);
  const MockSchema schema(parse(R"({"type": "object", "properties": {
      "s": {"type": "string", "example": 1},
      "i": {"type": "integer", "example": "1"},
      "n": {"type": "number", "example": true},
      "b": {"type": "boolean", "example": "true"},
      "a": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}}}})"));
  std::string previous;
  for (int i = 0; i < 100; ++i) {
    const std::string text = schema.json(random);
    EXPECT_NE(text, previous);
    previous = text;
    const Json made = parse(text);
    EXPECT_TRUE(made["s"].isString() && made["s"].asString().size() >= 1 &&
                made["s"].asString().size() <= 10);
    EXPECT_TRUE(made["i"].isInt() && made["i"].asInt() >= 1 && made["i"].asInt() <= 10'000);
    EXPECT_TRUE(made["n"].isNumeric() && made["n"].asDouble() >= 0 && made["n"].asDouble() < 10'000);
    EXPECT_TRUE(made["b"].isBool());
    ASSERT_TRUE(made["a"].isArray() && made["a"].size() >= 1 && made["a"].size() <= 3);
    EXPECT_TRUE(made["a"][0]["x"].isString());
  }
}

TEST(MockSchema, LeavesOutWhatItCannotMake) {
  base::Random random(1);
  const MockSchema schema(parse(R"({"properties": {
      "a": {"type": "array"}, "b": {"type": "null"}, "c": {}, "d": 5, "e": {"type": "array", "items": {"type": "?"}},
      "f": {"type": "object"}}})"));
  EXPECT_EQ(schema.json(random), R"({"e":[],"f":{}})");
  EXPECT_EQ(MockSchema(parse("{}")).json(random), "{}");
  EXPECT_EQ(MockSchema(parse("{}")).xml(random), "<data>\n</data>");
}

TEST(MockSchema, NestedListsDoNotExplode) {
  for (const std::string leaf : {R"({"type": "string"})", R"({"type": "object"})"}) {
    std::string text = leaf;
    for (int i = 0; i < 25; ++i) text = R"({"type": "array", "items": )" + text + "}";
    const MockSchema schema(parse(R"({"properties": {"deep": )" + text + "}}"));
    for (unsigned seed = 0; seed < 20; ++seed) {
      base::Random random(seed);
      EXPECT_LT(schema.json(random).size(), 1u << 20);
      EXPECT_LT(schema.xml(random).size(), 1u << 20);
    }
  }
}

}  // namespace
}  // namespace apisix::plugins
