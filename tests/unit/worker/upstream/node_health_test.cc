#include "worker/upstream/node_health.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/shared/resolve/resolver_fixture.h"

namespace apisix::upstream {
namespace {

using memory::HealthEvent;
using memory::HealthStatus;
using memory::HealthTable;

constexpr const char* kName = "/apisix/routes/1";

resource::HealthChecks checks_of(std::string_view text) {
  return resource::parse_health_checks(*format::parse_json(text));
}

base::IpAddress ip(const std::string& text) {
  return *base::IpAddress::parse(text);
}

class NodeHealthTest : public testing::Test {
 protected:
  // A cluster and what its worker knows of its nodes' health.
  struct Setup {
    Setup(NodeHealthTest& test, std::string_view checks, const std::vector<ClusterNode>& nodes,
          const std::string& type)
        : health(test.table_, kName, checks_of(checks)) {
      ClusterConfig config;
      config.id = kName;
      config.type = type;
      config.nodes = nodes;
      cluster = Cluster::make(config, {test.random_, test.loads_, test.fixture_.resolver.get()}, 0);
      cluster->set_health(&health);
    }
    NodeHealth health;
    base::Ref<Cluster> cluster;
  };
  Setup make(std::string_view checks, const std::vector<ClusterNode>& nodes,
             const std::string& type = "roundrobin") {
    return Setup(*this, checks, nodes, type);
  }
  std::set<std::string> picked(Cluster& cluster, int times = 20) {
    std::set<std::string> out;
    for (int i = 0; i < times; ++i) {
      PickContext context;
      const auto pick = cluster.pick(context);
      out.insert(pick ? pick.address.to_string() : std::string(text_of(pick.error)));
      if (pick) cluster.after(context, pick.node->index, {});
    }
    return out;
  }
  HealthTable::Ref add(const std::string& address, std::uint16_t port = 80, std::string_view node = {}) {
    return table_.add_target(table_.find_checker(kName), {ip(address), port, node}, 0);
  }
  void turn(HealthTable::Ref target, HealthEvent event) {
    EXPECT_TRUE(table_.report(table_.find_checker(kName), target, event, 1).turned());
  }

  base::Random random_{7};
  LoadRegistry loads_;
  resolve::ResolverFixture fixture_;
  HealthTable table_ = std::move(*HealthTable::create("test", 1 << 20));
};

TEST_F(NodeHealthTest, FirstUseAsksForChecks) {
  auto setup = make(R"({"active": {}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  EXPECT_FALSE(table_.find_checker(kName)) << "not before anybody uses it";
  EXPECT_EQ(picked(*setup.cluster), (std::set<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_TRUE(table_.is_wanted(table_.find_checker(kName)));
}

TEST_F(NodeHealthTest, EveryBalancerSkipsWhatIsUnhealthy) {
  for (const char* type : {"roundrobin", "chash", "ewma", "least_conn", "random"}) {
    auto setup = make(R"({"active": {}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}}, type);
    picked(*setup.cluster);
    const auto target = add("10.0.0.1");
    turn(target, HealthEvent::kTcpFailure);
    EXPECT_EQ(picked(*setup.cluster), (std::set<std::string>{"10.0.0.2"})) << type;
    turn(target, HealthEvent::kSuccess);
    if (std::string_view(type) != "chash") EXPECT_EQ(picked(*setup.cluster, 200).size(), 2u) << type;
  }
}

TEST_F(NodeHealthTest, AllUnhealthyIsAllUsed) {
  auto setup = make(R"({"active": {}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*setup.cluster);
  turn(add("10.0.0.1"), HealthEvent::kTcpFailure);
  turn(add("10.0.0.2"), HealthEvent::kTcpFailure);
  EXPECT_EQ(picked(*setup.cluster).size(), 2u);
}

TEST_F(NodeHealthTest, NodeOfWeightZeroServesWhenItIsTheHealthyOne) {
  auto setup = make(R"({"active": {}})", {{"10.0.0.1", 80, 0}, {"10.0.0.2", 80, 1}});
  EXPECT_EQ(picked(*setup.cluster), (std::set<std::string>{"10.0.0.2"}));
  add("10.0.0.1");
  turn(add("10.0.0.2"), HealthEvent::kTcpFailure);
  EXPECT_EQ(picked(*setup.cluster), (std::set<std::string>{"10.0.0.1"}));
}

TEST_F(NodeHealthTest, PortOfTheChecksIsTheOneThatCounts) {
  auto setup = make(R"({"active": {"port": 99}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*setup.cluster);
  turn(add("10.0.0.1", 99), HealthEvent::kTcpFailure);
  EXPECT_EQ(picked(*setup.cluster), (std::set<std::string>{"10.0.0.2"}));
}

TEST_F(NodeHealthTest, CheckerThatIsGoneIsWantedAgain) {
  auto setup = make(R"({"active": {}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*setup.cluster);
  turn(add("10.0.0.1"), HealthEvent::kTcpFailure);
  picked(*setup.cluster);
  table_.remove_checker(table_.find_checker(kName));
  EXPECT_EQ(picked(*setup.cluster).size(), 2u) << "nothing is known";
  EXPECT_FALSE(table_.find_checker(kName)) << "not asked for more than once a second";
}

TEST_F(NodeHealthTest, NameIsHealthyWhileOneOfItsAddressesIs) {
  auto setup = make(R"({"active": {}})", {{"a.test", 80}, {"10.0.0.9", 80}});
  fixture_.dns->reply_with({"10.0.0.1", "10.0.0.2"}, 60);
  fixture_.run();
  EXPECT_EQ(picked(*setup.cluster, 100).size(), 3u);
  const auto first = add("10.0.0.1", 80, "a.test");
  const auto second = add("10.0.0.2", 80, "a.test");
  turn(first, HealthEvent::kTcpFailure);
  EXPECT_EQ(picked(*setup.cluster, 100), (std::set<std::string>{"10.0.0.2", "10.0.0.9"}));
  turn(second, HealthEvent::kTcpFailure);
  EXPECT_EQ(picked(*setup.cluster, 100), (std::set<std::string>{"10.0.0.9"}));
  turn(first, HealthEvent::kSuccess);
  EXPECT_EQ(picked(*setup.cluster, 100), (std::set<std::string>{"10.0.0.1", "10.0.0.9"}));
}

class PassiveTest : public NodeHealthTest {
 protected:
  HealthStatus status(HealthTable::Ref target) { return table_.state(target)->status; }
};

TEST_F(PassiveTest, StatusesOfResponsesCount) {
  auto setup = make(R"({"active": {}, "passive": {
      "healthy": {"http_statuses": [200], "successes": 2},
      "unhealthy": {"http_statuses": [500], "http_failures": 2}}})",
                    {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*setup.cluster);
  const Node& node = setup.cluster->nodes()[0];
  setup.health.on_response(node, node.address, 500);  // not known to the agent yet: not counted
  const auto target = add("10.0.0.1");
  for (const int code : {404, 500, 200, 500}) setup.health.on_response(node, node.address, code);
  EXPECT_EQ(status(target), HealthStatus::kMostlyHealthy) << "a failure does not forget failures";
  setup.health.on_response(node, node.address, 500);
  EXPECT_EQ(status(target), HealthStatus::kUnhealthy);
  for (const int code : {200, 200}) setup.health.on_response(node, node.address, code);
  EXPECT_EQ(status(target), HealthStatus::kHealthy);
}

TEST_F(PassiveTest, WithoutPassiveOnlyRetriedFailuresCountAndOnlyWithAWayBack) {
  auto probed = make(R"({"active": {"unhealthy": {"interval": 1}}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*probed.cluster);
  const Node& node = probed.cluster->nodes()[0];
  const auto target = add("10.0.0.1");
  probed.health.on_response(node, node.address, 503);
  probed.health.on_failed(node, node.address, false, 502);
  EXPECT_EQ(status(target), HealthStatus::kHealthy);
  auto unprobed = make(R"({"active": {}})", {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  for (int i = 0; i < 5; ++i) unprobed.health.on_retried(node, node.address, false);
  EXPECT_EQ(status(target), HealthStatus::kHealthy);
  probed.health.on_retried(node, node.address, false);
  probed.health.on_retried(node, node.address, false);
  EXPECT_EQ(status(target), HealthStatus::kUnhealthy);
}

TEST_F(PassiveTest, LastFailureCountsOnce) {
  auto setup = make(R"({"active": {}, "passive": {"unhealthy": {
      "http_statuses": [502], "http_failures": 3, "tcp_failures": 3, "timeouts": 3}}})",
                    {{"10.0.0.1", 80}, {"10.0.0.2", 80}});
  picked(*setup.cluster);
  const Node& node = setup.cluster->nodes()[0];
  const auto target = add("10.0.0.1");
  setup.health.on_failed(node, node.address, false, 502);
  setup.health.on_failed(node, node.address, true, 504);
  EXPECT_EQ(
      *table_.state(target),
      (memory::HealthState{.status = HealthStatus::kMostlyHealthy, .http_failure = 1, .timeout_failure = 1}));
}

}  // namespace
}  // namespace apisix::upstream
