#include "shared/format/json_path.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

std::string found(std::string_view path, std::string_view json) {
  const auto root = parse_json(json);
  const auto compiled = JsonPath::compile(path);
  if (!compiled) return "error";
  std::string out;
  for (const Json* value : compiled->find(*root)) out += (out.empty() ? "" : ";") + to_json(*value);
  return out;
}

TEST(JsonPath, LeadsToMembersAndItems) {
  constexpr std::string_view kBody = R"({"a":{"b":[{"c":1},{"c":2,"x y":3}]},"model":"m"})";
  EXPECT_EQ(found("model", kBody), R"("m")");
  EXPECT_EQ(found("$.model", kBody), R"("m")");
  EXPECT_EQ(found("a.b[0].c", kBody), "1");
  EXPECT_EQ(found("a.b[-1].c", kBody), "2");
  EXPECT_EQ(found("a.b[*].c", kBody), "1;2");
  EXPECT_EQ(found("a['b'][1][\"x y\"]", kBody), "3");
  EXPECT_EQ(found("..c", kBody), "1;2");
  EXPECT_EQ(found("a.*", kBody), R"([{"c":1},{"c":2,"x y":3}])");
}

TEST(JsonPath, MissesWithoutFault) {
  EXPECT_EQ(found("a.b", R"({"a":1})"), "");
  EXPECT_EQ(found("a[3]", R"({"a":[1]})"), "");
  EXPECT_EQ(found("a[-3]", R"({"a":[1]})"), "");
  EXPECT_EQ(found("a", R"([1])"), "");
}

TEST(JsonPath, RefusesWhatMakesNoSense) {
  for (const std::string_view path : {"", "$", "a[", "a[x]", "a['x", "a..", "a[1", "a."}) {
    EXPECT_EQ(found(path, "{}"), "error") << path;
  }
}

TEST(JsonPath, KnowsWhetherItLeadsToOneValue) {
  EXPECT_TRUE(JsonPath::compile("a.b[0]")->is_definite());
  EXPECT_FALSE(JsonPath::compile("a[*]")->is_definite());
  EXPECT_FALSE(JsonPath::compile("..a")->is_definite());
}

}  // namespace
}  // namespace apisix::format
