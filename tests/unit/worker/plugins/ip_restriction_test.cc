// ip-restriction on sessions of TCP and UDP routes; on requests: tests/compat/plugins/ip_restriction.yaml.
#include <array>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/worker/plugin/deps_fixture.h"
#include "worker/plugin/stream_chain.h"

namespace apisix::plugins {

extern const plugin::PluginKind& ip_restriction;

namespace {

using plugin::StreamRun;

class SessionIpRestrictionTest : public ::testing::Test {
 protected:
  // As a stored stream route has it: checked, with the schema's defaults. The status of the session.
  int status_of(std::string_view conf_text, std::string_view client) {
    format::Json plugins;
    plugins["ip-restriction"] = *format::parse_json(conf_text);
    const plugin::PluginSet& set = shared_.directory.plugins();
    const auto checked = set.check_all(plugins, resource::PluginScope::kStream);
    EXPECT_TRUE(checked.ok()) << checked.error_msg;
    const auto chain =
        plugin::StreamChain::make(shared_.deps, plugin::make_confs(set, plugins, "/stream_routes/1", 1));
    if (!chain) return 0;
    base::Arena arena;
    plugin::StreamSession session(arena, shared_.loop.clock());
    session.client = {*base::IpAddress::parse(client), 5000};
    StreamRun run(*chain);
    const StreamRun::Result result = run.preread(session, [](void*) {}, nullptr);
    EXPECT_EQ(result == StreamRun::Result::kPass, session.status == 200);
    return session.status;
  }

  const std::array<const plugin::PluginKind*, 1> kinds_ = {&ip_restriction};
  plugin::DepsFixture shared_{kinds_};
};

TEST_F(SessionIpRestrictionTest, OnlyListedClientsPass) {
  constexpr std::string_view kConf = R"({"whitelist": ["192.0.2.0/24", "2001:db8::1"]})";
  EXPECT_EQ(status_of(kConf, "192.0.2.9"), 200);
  EXPECT_EQ(status_of(kConf, "2001:db8::1"), 200);
  EXPECT_EQ(status_of(kConf, "198.51.100.1"), 403);
}

TEST_F(SessionIpRestrictionTest, ListedClientsAreRefused) {
  constexpr std::string_view kConf = R"({"blacklist": ["192.0.2.0/24"], "response_code": 404})";
  EXPECT_EQ(status_of(kConf, "192.0.2.9"), 404);
  EXPECT_EQ(status_of(kConf, "198.51.100.1"), 200);
}

TEST_F(SessionIpRestrictionTest, FilterOfTheConfigurationHolds) {
  constexpr std::string_view kConf =
      R"({"blacklist": ["192.0.2.0/24"], "_meta": {"filter": [["protocol", "==", "UDP"]]}})";
  EXPECT_EQ(status_of(kConf, "192.0.2.9"), 200);
}

TEST_F(SessionIpRestrictionTest, AddressThatIsNoneIsRefusedInTheConfiguration) {
  format::Json plugins;
  plugins["ip-restriction"] = *format::parse_json(R"({"whitelist": ["1:2:3:4:5:6:7:8:9/64"]})");
  const auto found = shared_.directory.plugins().check_all(plugins, resource::PluginScope::kStream);
  EXPECT_EQ(found.error_msg,
            "failed to check the configuration of plugin ip-restriction err: invalid ip address: "
            "1:2:3:4:5:6:7:8:9/64");
}

}  // namespace
}  // namespace apisix::plugins
