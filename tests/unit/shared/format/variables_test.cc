#include "shared/format/variables.h"

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

std::optional<std::string> environment(std::string_view name) {
  if (name == "A") return "1";
  if (name == "NAME") return "proxy-rewrite";
  if (name == "T") return "true";
  return std::nullopt;
}

TEST(Variables, InText) {
  Variables used;
  EXPECT_EQ(replace_variables_in_yaml("a: ${{A}}\nb: \"${{B:=2}}\"\n", environment, used),
            "a: 1\nb: \"2\"\n");
  EXPECT_EQ(used, (Variables{{"A", "1"}, {"B", "2"}}));
  const auto missing = replace_variables_in_yaml("${{C}}", environment, used);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().what, "can't find environment variable C");
}

TEST(Variables, InCommentsOfYamlAreNone) {
  Variables used;
  const std::string text =
      "# ${{UNSET}}\n"
      "a: ${{A}} # ${{UNSET}}\n"
      "b: '# ${{A}}'\n"
      "c: \"x # ${{A}} \\\" # ${{A}}\" #${{UNSET}}\n"
      "d: it's ${{A}} # isn't ${{UNSET}}\n"
      "e: |\n"
      "    # ${{A}}\n"
      "  # ${{UNSET}}\n"
      "f: a#${{A}}\n";
  const auto replaced = replace_variables_in_yaml(text, environment, used);
  ASSERT_TRUE(replaced) << replaced.error().what;
  EXPECT_EQ(*replaced,
            "# ${{UNSET}}\n"
            "a: 1 # ${{UNSET}}\n"
            "b: '# 1'\n"
            "c: \"x # 1 \\\" # 1\" #${{UNSET}}\n"
            "d: it's 1 # isn't ${{UNSET}}\n"
            "e: |\n"
            "    # 1\n"
            "  # ${{UNSET}}\n"
            "f: a#1\n");
  EXPECT_EQ(used, (Variables{{"A", "1"}}));
}

std::string replaced_json(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value);
  Variables used;
  const auto status = replace_variables_in_json(*value, environment, used);
  return status ? to_json(*value) : status.error().what;
}

TEST(Variables, InJsonValuesBecomeWhatTheyLookLike) {
  EXPECT_EQ(replaced_json(R"({"a":"${{A}}","b":["x${{A}}","${{T}}"],"c":"1"})"),
            R"({"a":1,"b":["x1",true],"c":"1"})");
}

TEST(Variables, InNamesOfMembers) {
  EXPECT_EQ(replaced_json(R"({"plugins":{"${{NAME}}":{"uri":"${{U:=/x}}"}}})"),
            R"({"plugins":{"proxy-rewrite":{"uri":"/x"}}})");
}

TEST(Variables, MissingInJson) {
  EXPECT_EQ(replaced_json(R"({"a":["${{C}}"]})"), "can't find environment variable C");
  EXPECT_EQ(replaced_json(R"({"${{D}}":1})"), "can't find environment variable D");
}

}  // namespace
}  // namespace apisix::format
