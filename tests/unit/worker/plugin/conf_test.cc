#include "worker/plugin/conf.h"

#include <gtest/gtest.h>

#include "shared/format/json.h"
#include "shared/format/regex.h"

namespace apisix::plugin {
namespace {

class ConfTest : public ::testing::Test {
 protected:
  const format::Json json_ = *format::parse_json(R"({
    "on": true, "off": false, "one": 1, "name": "x", "none": null, "ratio": 0.5, "huge": 1e30, "negative": -5,
    "code": 42, "list": ["a", 2], "inner": {"name": "y"}, "rows": [{"name": "r1"}, {"name": "r2"}],
    "rules": ["^/a", "b$"], "bad_rules": ["ok", "("]})");
  const Conf conf_{json_};
};

TEST_F(ConfTest, OnlyTrueIsAFlag) {
  EXPECT_TRUE(conf_.flag("on"));
  for (const char* name : {"off", "one", "name", "none", "missing"}) EXPECT_FALSE(conf_.flag(name)) << name;
}

TEST_F(ConfTest, TextsAreReadFromScalars) {
  EXPECT_EQ(conf_.text("name"), "x");
  EXPECT_EQ(conf_.text("one"), "1");
  EXPECT_EQ(conf_.text("missing"), "");
  EXPECT_EQ(conf_.text("inner"), "");
  EXPECT_EQ(conf_.find_text("name"), "x");
  EXPECT_EQ(conf_.find_text("one"), std::nullopt);
}

TEST_F(ConfTest, NullIsNotThere) {
  EXPECT_TRUE(conf_.has("off"));
  EXPECT_FALSE(conf_.has("none"));
  EXPECT_FALSE(conf_.has("missing"));
}

TEST_F(ConfTest, NumbersAreCutToTheirBounds) {
  EXPECT_EQ(conf_.number<std::uint16_t>("huge"), 65535);
  EXPECT_EQ(conf_.number<std::uint16_t>("negative"), 0);
  EXPECT_EQ(conf_.number<int>("negative"), -5);
  EXPECT_EQ(conf_.number<int>("name", 3, 9), 3);
  EXPECT_EQ(conf_.real("ratio"), 0.5);
  EXPECT_EQ(conf_.status("code"), 200);
}

TEST_F(ConfTest, ListsAndObjects) {
  EXPECT_EQ(conf_.list("list"), (std::vector<std::string>{"a", "2"}));
  EXPECT_TRUE(conf_.list("name").empty());
  EXPECT_EQ(conf_.member("inner").text("name"), "y");
  EXPECT_EQ(conf_.member("missing").text("name"), "");
  ASSERT_EQ(conf_.items("rows").size(), 2u);
  EXPECT_EQ(conf_.items("rows")[1].text("name"), "r2");
}

TEST_F(ConfTest, RegexesAreOneAlternation) {
  format::RegexBudget budget;
  const format::LazyRegex rules = conf_.regexes("rules", {});
  EXPECT_EQ(rules.pattern(), "^/a|b$");
  EXPECT_EQ(rules.match("/a/c", budget), format::Match::kYes);
  EXPECT_EQ(rules.match("/c/b", budget), format::Match::kYes);
  EXPECT_EQ(rules.match("/c", budget), format::Match::kNo);
  EXPECT_TRUE(conf_.check_regexes("rules"));
  EXPECT_FALSE(conf_.check_regexes("bad_rules"));
}

TEST_F(ConfTest, ARegexThatDoesNotCompileMatchesNothing) {
  format::RegexBudget budget;
  EXPECT_EQ(conf_.regexes("bad_rules", {}).match("(", budget), format::Match::kNo);
}

}  // namespace
}  // namespace apisix::plugin
