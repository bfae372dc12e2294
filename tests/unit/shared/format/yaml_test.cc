#include "shared/format/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::format {
namespace {

using ::testing::HasSubstr;

std::string as_json(std::string_view text) {
  const auto yaml = parse_yaml(text, "f.yaml");
  return yaml ? to_json(yaml->value) : yaml.error().what;
}

TEST(Yaml, PlainScalarsAreTypedAsLyamlTypesThem) {
  const struct {
    const char* text;
    const char* json;
  } kCases[] = {
      {"true", "true"},
      {"Yes", "true"},
      {"on", "true"},
      {"OFF", "false"},
      {"no", "false"},
      {"y", "\"y\""},
      {"n", "\"n\""},
      {"~", "null"},
      {"Null", "null"},
      {"", "null"},
      {"12", "12"},
      {"-12", "-12"},
      {"+12", "12"},
      {"1_000", "1000"},
      {"0x1F", "31"},
      {"0b101", "5"},
      {"017", "15"},
      {"018", "18"},
      {"0", "0"},
      {"-0x10", "-16"},
      {"1.5", "1.5"},
      {".5", "0.5"},
      {"5.", "5"},
      {"1e3", "1000"},
      {"-1.5e-3", "-0.0015"},
      {"0x", "\"0x\""},
      {"0b12", "\"0b12\""},
      {"12abc", "\"12abc\""},
      {"1.2.3.4", "\"1.2.3.4\""},
      {"127.0.0.0/24", "\"127.0.0.0/24\""},
      {"1:30", "\"1:30\""},
      {"10s", "\"10s\""},
      {"-", "\"-\""},
      {"e5", "\"e5\""},
      {".", "\".\""},
      {".inf", "\".inf\""},
      {"2024-01-01", "\"2024-01-01\""},
      {"99999999999999999999", "100000000000000000000"},
  };
  for (const auto& [text, json] : kCases) {
    const Json value = plain_scalar(text);
    if (std::string_view(text) == "99999999999999999999") {
      EXPECT_TRUE(value.isDouble());
      continue;
    }
    EXPECT_EQ(to_json(value), json) << text;
  }
}

TEST(Yaml, QuotedAndBlockScalarsAreText) {
  EXPECT_EQ(as_json("a: \"1\"\nb: 'on'\nc: |\n  12\n  x\nd: !!str 5\ne: !!int \"7\"\n"),
            R"({"a":"1","b":"on","c":"12\nx\n","d":"5","e":7})");
}

TEST(Yaml, StructuresAndEmptyDocuments) {
  EXPECT_EQ(as_json("a:\n  - 1\n  - {b: [x, y]}\n  -\nc: {}\n"), R"({"a":[1,{"b":["x","y"]},null],"c":{}})");
  for (const char* empty : {"", "\n\n", "# only a comment\n", "---\n", "--- \n...\n"})
    EXPECT_EQ(as_json(empty), "null");
  EXPECT_EQ(as_json("---\na: 1\n...\n"), R"({"a":1})");
}

TEST(Yaml, KeysAreAlwaysText) {
  EXPECT_EQ(as_json("on: 1\n9080: 2\n\"x y\": 3\n"), R"({"9080":2,"on":1,"x y":3})");
}

TEST(Yaml, AliasesAndMergeKeys) {
  EXPECT_EQ(as_json("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n"),
            R"({"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"p":1,"q":3}})");
  EXPECT_EQ(as_json("a: &x {p: 1}\nb: &y {p: 2, r: 4}\nc:\n  <<: [*x, *y]\n"),
            R"({"a":{"p":1},"b":{"p":2,"r":4},"c":{"p":1,"r":4}})");
}

TEST(Yaml, LinesOfKeysAndElements) {
  const auto yaml = parse_yaml("a:\n  b:\n    - x\n    - c: 1\n\n      d: 2\ne: {f: 1}\n", "f.yaml");
  ASSERT_TRUE(yaml);
  EXPECT_EQ(yaml->line_of("a"), 1);
  EXPECT_EQ(yaml->line_of("a.b[0]"), 3);
  EXPECT_EQ(yaml->line_of("a.b[1].c"), 4);
  EXPECT_EQ(yaml->line_of("a.b[1].d"), 6);
  EXPECT_EQ(yaml->line_of("e.f"), 7);
  EXPECT_EQ(yaml->line_of("a.b[1].missing"), 4) << "the nearest ancestor";
  EXPECT_EQ(yaml->line_of("missing"), 0);
}

TEST(Yaml, LinesAreSkippedOnRequest) {
  const auto yaml = parse_yaml("a: 1\n", "f.yaml", YamlLines::kSkip);
  ASSERT_TRUE(yaml);
  EXPECT_TRUE(yaml->lines.empty());
}

TEST(Yaml, FaultsNameFileLineAndColumn) {
  const struct {
    const char* text;
    const char* what;
  } kCases[] = {
      {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: key \"a\" is already there, on line 1"},
      {"a:\n  x: 1\n  x: 1\n", "f.yaml:3:3: key \"x\" is already there, on line 2"},
      {"a: [1, 2\n", "f.yaml:"},
      {"a: 'x\n", "illegal EOF in scalar"},
      {"a: \"x\nb: c\n", "illegal EOF in scalar"},
      {"a: b: c\n", "f.yaml:1:5: "},
      {"a: *nobody\n", "f.yaml:1:4: "},
      {"a: &x [*x]\n", "f.yaml:1:8: an alias cannot refer to what contains it"},
      {"? [a]\n: 1\n", "f.yaml:1:3: a map or a list cannot be a key"},
      {"~: 1\n", "f.yaml:1:1: expected a key, got null"},
      {"a: 1\n--- \nb: 2\n", "more than one document"},
      {"a: 1\nb: \x04\n", "f.yaml:2:4: control character 0x04"},
      {"a: 1\nb: \xCD\n", "f.yaml:2:4: byte 0xcd is not UTF-8"},
      {"a: \xED\xA0\x80\n", "f.yaml:1:4: byte 0xed is not UTF-8"},
      {"a: {<<: 3}\n", "\"<<\" takes a map or a list of maps"},
      {"a: !!int x\n", "\"x\" is not a !!int"},
  };
  for (const auto& [text, what] : kCases) {
    const auto yaml = parse_yaml(text, "f.yaml");
    ASSERT_FALSE(yaml) << text;
    EXPECT_THAT(yaml.error().what, HasSubstr(what)) << text;
  }
}

TEST(Yaml, RefusesDeepNesting) {
  EXPECT_TRUE(parse_yaml(std::string(60, '[') + std::string(60, ']'), "f"));
  for (const int depth : {65, 1000, 100'000}) {
    const auto yaml = parse_yaml(std::string(depth, '[') + std::string(depth, ']'), "f");
    ASSERT_FALSE(yaml) << depth;
    EXPECT_THAT(yaml.error().what, HasSubstr("nested deeper than 64 levels"));
  }
}

TEST(Yaml, BoundsWhatAliasesCopy) {
  std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) laughs += (j ? ",*a" : "*a") + std::to_string(i - 1);
    laughs += "]\n";
  }
  const auto yaml = parse_yaml(laughs, "f");
  ASSERT_FALSE(yaml);
  EXPECT_THAT(yaml.error().what, HasSubstr("aliases copy more than 100000 values"));
}

TEST(Yaml, BoundsDepthThroughAliases) {
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    tower += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  }
  const auto yaml = parse_yaml(tower, "f");
  ASSERT_FALSE(yaml);
  EXPECT_THAT(yaml.error().what, HasSubstr("nested deeper than 64 levels"));
}

}  // namespace
}  // namespace apisix::format
