#include "shared/settings/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/shared/settings/loading.h"

namespace apisix::settings {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// The value of `key` after substitution in "plugin_attr: {mine: {key: TEXT}}", a free place.
std::string replaced(std::string_view text, const FakeEnvironment& variables) {
  const auto loaded = load_text("plugin_attr: {mine: {key: '" + std::string(text) + "'}}", variables);
  if (!loaded) return loaded.error().what;
  return format::to_json(loaded->settings.plugin_attr["mine"]["key"]);
}

std::string replaced_free(std::string_view text, const FakeEnvironment& variables) {
  const auto loaded = load_text("plugin_attr: {mine: {free: '" + std::string(text) + "'}}", variables);
  if (!loaded) return loaded.error().what;
  return format::to_json(loaded->settings.plugin_attr["mine"]["free"]);
}

TEST(Variables, BecomeNumbersAndBooleansWhenTheyLookLikeThem) {
  const struct {
    const char* text;
    const char* json;
  } kCases[] = {
      {"${{N}}", "12"},
      {"${{ N }}", "12"},
      {"${{H}}", "31"},
      {"${{F}}", "1.5"},
      {"${{T}}", "true"},
      {"${{NO}}", "\"no\""},
      {"a${{N}}b${{N}}", "\"a12b12\""},
      {"1${{N}}", "112"},
      {"${{E}}", "\"\""},
      {"${{E:=x}}", "\"\""},
      {"${{X:=5}}", "5"},
      {"${{X:= spaced out }}", "\"spaced out\""},
      {"${{X:=}}", "\"\""},
      {"${{X:=http://h:1}}", "\"http://h:1\""},
      {"12", "\"12\""},
      {"$N ${N} ${{}}", "\"$N ${N} ${{}}\""},
      {"${{N", "\"${{N\""},
  };
  const FakeEnvironment variables = {{"N", "12"},   {"H", "0x1F"}, {"F", "1.5"},
                                     {"T", "true"}, {"NO", "no"},  {"E", ""}};
  for (const auto& [text, json] : kCases) EXPECT_EQ(replaced_free(text, variables), json) << text;
}

TEST(Variables, StayTextWhereTheKeyHoldsText) {
  EXPECT_EQ(replaced("${{N}}", {{"N", "0123"}}), "\"0123\"") << "a secret";
  const auto loaded =
      load_text("deployment: {etcd: {password: \"${{P}}\", prefix: \"/${{P}}\"}}", {{"P", "12345"}});
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.deployment.etcd.password, "12345");
}

TEST(Variables, ServeWhereANumberIsWanted) {
  const auto loaded =
      load_text("apisix:\n  node_listen: [\"${{PORT}}\", {port: \"${{TLS:=8081}}\"}]\n", {{"PORT", "8080"}});
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.apisix.node_listen[0].port, 8080);
  EXPECT_EQ(loaded->settings.apisix.node_listen[2].port, 8081);
  EXPECT_THAT(loaded->exported_variables, ElementsAre(Pair("PORT", "8080"), Pair("TLS", "8081")));
}

TEST(Variables, InKeys) {
  const auto loaded =
      load_text("nginx_config:\n  http:\n    custom_lua_shared_dict:\n      \"${{DICT}}_x\": \"${{SIZE}}\"\n",
                {{"DICT", "mine"}, {"SIZE", "1m"}});
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->settings.nginx_config.http.lua_shared_dict_bytes.at("mine_x"), 1 << 20);
}

TEST(Variables, LinesFollowRenamedKeys) {
  EXPECT_THAT(faults_of("apisix:\n  \"${{K}}\": 1\n", {{"K", "enable_ipv6"}}),
              HasSubstr("c.yaml:2: apisix.enable_ipv6: expected true or false"));
}

TEST(Variables, MissingOnesAreAllNamedWithTheirLines) {
  EXPECT_EQ(
      faults_of("apisix:\n  id: ${{A}}\n  \"${{B}}\": 1\n"),
      "c.yaml:2: apisix.id: can't find environment variable A, and no default is given (${{A:=default}})\n"
      "c.yaml:3: apisix.${{B}}: can't find environment variable B, and no default is given "
      "(${{B:=default}})");
}

TEST(Variables, AMissingOneIsNotReportedAsAWrongTypeToo) {
  EXPECT_EQ(
      faults_of("nginx_config: {worker_processes: \"${{N}}\"}\n"),
      "c.yaml:1: nginx_config.worker_processes: can't find environment variable N, and no default is given "
      "(${{N:=default}})");
}

}  // namespace
}  // namespace apisix::settings
