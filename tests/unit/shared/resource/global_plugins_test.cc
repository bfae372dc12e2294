#include "shared/resource/global_plugins.h"

#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

TEST(GlobalPlugins, APluginBelongsToTheFirstRuleThatHasIt) {
  GlobalPlugins plugins;
  EXPECT_EQ(plugins.add("1", {"cors", "key-auth"}), "");
  EXPECT_EQ(plugins.add("2", {"echo"}), "");
  EXPECT_EQ(plugins.add("3", {"gzip", "key-auth", "echo"}),
            "plugin 'key-auth' already exists in global rule with id '1'");
  EXPECT_EQ(plugins.add("4", {"gzip"}), "plugin 'gzip' already exists in global rule with id '3'");
}

TEST(GlobalPlugins, TheSameRuleAgainIsNoOther) {
  GlobalPlugins plugins;
  EXPECT_EQ(plugins.add_rule("1", format::parse_json(R"({"plugins":{"cors":{}}})").value()), "");
  EXPECT_EQ(plugins.add_rule("1", format::parse_json(R"({"plugins":{"cors":{}}})").value()), "");
  EXPECT_EQ(plugins.add_rule("2", format::parse_json(R"({"plugins":[]})").value()), "");
  EXPECT_EQ(plugins.add_rule("3", format::parse_json(R"({})").value()), "");
}

}  // namespace
}  // namespace apisix::resource
