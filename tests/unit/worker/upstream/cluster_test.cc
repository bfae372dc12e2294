#include "worker/upstream/cluster.h"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/unit/shared/resolve/resolver_fixture.h"

namespace apisix::upstream {
namespace {

class ClusterTest : public testing::Test {
 protected:
  base::Ref<Cluster> make(const std::string& type, std::vector<ClusterNode> nodes,
                          const std::string& id = "") {
    ClusterConfig config;
    config.id = id;
    config.type = type;
    config.nodes = std::move(nodes);
    return Cluster::make(config, {fixture_.random, loads_, fixture_.resolver.get()}, 1'000'000);
  }
  static std::string pick_text(Cluster& cluster, PickContext& context) {
    const auto pick = cluster.pick(context);
    return pick ? pick.address.to_string() + ':' + std::to_string(pick.port)
                : std::string(text_of(pick.error));
  }

  LoadRegistry loads_;
  resolve::ResolverFixture fixture_;
};

TEST_F(ClusterTest, NoNodes) {
  PickContext context;
  EXPECT_EQ(make("roundrobin", {})->pick(context).error, PickError::kNoNodes);
  EXPECT_EQ(make("nonsense", {})->pick(context).error, PickError::kNoNodes);
}

TEST_F(ClusterTest, UnknownBalancerFailsOnlyWhenThereIsAChoice) {
  PickContext context;
  EXPECT_EQ(make("none", {{"10.0.0.1", 80}, {"10.0.0.2", 80}})->pick(context).error,
            PickError::kUnknownBalancer);
  EXPECT_EQ(pick_text(*make("none", {{"10.0.0.1", 80}}), context), "10.0.0.1:80");
}

TEST_F(ClusterTest, ASingleNodeIsPickedAgainAfterFailures) {
  for (const char* type : {"roundrobin", "chash", "least_conn", "ewma"}) {
    const auto cluster = make(type, {{"10.0.0.1", 80, 0}});
    PickContext context;
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(pick_text(*cluster, context), "10.0.0.1:80");
      cluster->after(context, 0, {.failed = true});
    }
  }
}

TEST_F(ClusterTest, APeekSaysWhatThePickWillBe) {
  PickContext context;
  EXPECT_EQ(make("roundrobin", {})->peek(context).error, PickError::kNoNodes);
  EXPECT_EQ(make("roundrobin", {{"10.0.0.1", 80}})->peek(context).node->host, "10.0.0.1");
  const auto cluster = make("roundrobin", {{"10.0.0.1", 80, 2}, {"10.0.0.2", 80}, {"10.0.0.3", 80}});
  for (int i = 0; i < 9; ++i) {
    const auto peeked = cluster->peek(context);
    ASSERT_TRUE(peeked);
    PickContext fresh;
    EXPECT_EQ(cluster->pick(fresh).node, peeked.node);
    cluster->after(fresh, peeked.node->index, {});
  }
}

TEST_F(ClusterTest, RetriesGoToOtherNodesUntilAllAreTried) {
  const auto cluster = make("roundrobin", {{"10.0.0.1", 80}, {"10.0.0.2", 80}, {"10.0.0.3", 80, 1, -1}});
  PickContext context;
  std::vector<std::string> hosts;
  for (auto pick = cluster->pick(context); pick; pick = cluster->pick(context)) {
    hosts.push_back(pick.node->host);
    cluster->after(context, pick.node->index, {.failed = true});
  }
  ASSERT_EQ(hosts.size(), 3u);
  EXPECT_EQ(hosts[2], "10.0.0.3");
  EXPECT_NE(hosts[0], hosts[1]);
  EXPECT_EQ(cluster->pick(context).error, PickError::kAllTried);
}

TEST_F(ClusterTest, EqualNodesAreOneAndTheLastWeightCounts) {
  const auto cluster = make("roundrobin", {{"10.0.0.1", 80, 1}, {"10.0.0.2", 80, 1}, {"10.0.0.1", 80, 3}});
  EXPECT_EQ(cluster->node_count(), 2u);
  EXPECT_EQ(cluster->nodes()[0].weight, 3u);
  // Another priority is another node.
  EXPECT_EQ(make("roundrobin", {{"10.0.0.1", 80}, {"10.0.0.1", 80, 1, 5}})->node_count(), 2u);
}

TEST_F(ClusterTest, Ipv6IsBracketedInTextAndPlainInTheAddress) {
  const auto cluster = make("roundrobin", {{"2001:db8::1", 80}, {"[::1]", 8080}});
  EXPECT_EQ(cluster->nodes()[0].host, "[2001:db8::1]");
  EXPECT_EQ(cluster->nodes()[1].host_port, "[::1]:8080");
  PickContext context;
  const auto pick = cluster->pick(context);
  sockaddr_storage address;
  EXPECT_EQ(pick.to_sockaddr(address), sizeof(sockaddr_in6));
  EXPECT_EQ(address.ss_family, AF_INET6);
}

struct FixedHealth final : HealthView {
  std::uint64_t version() const override { return changes; }
  bool is_healthy(const Node& node) const override { return !sick.contains(node.host); }
  void set(std::set<std::string> hosts) {
    sick = std::move(hosts);
    ++changes;
  }
  std::set<std::string> sick;
  std::uint64_t changes = 0;
  bool is_healthy(const Node& node, const base::IpAddress&) const override { return is_healthy(node); }
};

TEST_F(ClusterTest, UnhealthyNodesGetNothingUnlessAllAreUnhealthy) {
  const auto cluster = make("roundrobin", {{"10.0.0.1", 80}, {"10.0.0.2", 80}, {"10.0.0.3", 80, 1, -1}});
  const auto picks = [&] {
    std::map<std::string, int> counts;
    for (int i = 0; i < 10; ++i) {
      PickContext context;
      ++counts[cluster->pick(context).node->host];
    }
    return counts;
  };
  using Counts = std::map<std::string, int>;
  FixedHealth health;
  cluster->set_health(&health);
  EXPECT_EQ(picks(), (Counts{{"10.0.0.1", 5}, {"10.0.0.2", 5}}));
  health.set({"10.0.0.1"});
  EXPECT_EQ(picks(), (Counts{{"10.0.0.2", 10}}));
  health.set({"10.0.0.1", "10.0.0.2"});
  EXPECT_EQ(picks(), (Counts{{"10.0.0.3", 10}}));
  health.set({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  EXPECT_EQ(picks(), (Counts{{"10.0.0.1", 5}, {"10.0.0.2", 5}}));
  health.set({});
  EXPECT_EQ(picks(), (Counts{{"10.0.0.1", 5}, {"10.0.0.2", 5}}));
  health.set({"10.0.0.2"});
  cluster->set_health(nullptr);
  EXPECT_EQ(picks(), (Counts{{"10.0.0.1", 5}, {"10.0.0.2", 5}}));
}

TEST_F(ClusterTest, LeastConnCountsOverVersionsOfTheUpstreamAndWithASingleNode) {
  const auto one = make("least_conn", {{"10.0.0.1", 80}}, "/upstreams/1");
  PickContext held[4];
  for (auto& context : held) ASSERT_TRUE(one->pick(context));
  const auto two = make("least_conn", {{"10.0.0.1", 80}, {"10.0.0.2", 80}}, "/upstreams/1");
  PickContext others[4];
  for (auto& context : others) EXPECT_EQ(pick_text(*two, context), "10.0.0.2:80");
  for (auto& context : held) one->after(context, 0, {});
  PickContext next;
  EXPECT_EQ(pick_text(*two, next), "10.0.0.1:80");

  const auto unrelated = make("least_conn", {{"10.0.0.1", 80}, {"10.0.0.2", 80}}, "/upstreams/2");
  PickContext first;
  EXPECT_EQ(pick_text(*unrelated, first), "10.0.0.1:80");
}

TEST_F(ClusterTest, EwmaRemembersANodeThatCameBack) {
  const auto version = [&](const char* second) {
    return make("ewma", {{"10.0.0.1", 80}, {second, 80}}, "/upstreams/1");
  };
  PickContext context;
  auto cluster = version("10.0.0.2");
  cluster->after(context, 0, {.latency_us = 1000, .now_us = 1'000'000});
  cluster->after(context, 1, {.latency_us = 5000, .now_us = 1'000'000});
  cluster = version("10.0.0.3");
  cluster->after(context, 0, {.latency_us = 1000, .now_us = 12'000'000});
  cluster = version("10.0.0.2");
  for (int i = 0; i < 10; ++i) {
    PickContext next{.now_us = 15'000'000};
    EXPECT_EQ(pick_text(*cluster, next), "10.0.0.1:80");
  }
  cluster->after(context, 0, {.latency_us = 1000, .now_us = 30'000'000});
  for (int i = 0; i < 10; ++i) {
    PickContext next{.now_us = 30'000'000};
    EXPECT_EQ(pick_text(*cluster, next), "10.0.0.2:80");  // idle for longer
  }
}

TEST_F(ClusterTest, StatusCodes) {
  EXPECT_EQ(status_of(PickError::kNoNodes), 503);
  EXPECT_EQ(status_of(PickError::kDnsFailed), 503);
  EXPECT_EQ(status_of(PickError::kUnknownBalancer), 500);
  EXPECT_EQ(status_of(PickError::kAllTried), 502);
}

// --- nodes that are names ---

struct Waited {
  void on_resolved() { ++calls; }
  ClusterWait wait{ClusterWait::Callback::of<&Waited::on_resolved>(*this)};
  int calls = 0;
};

TEST_F(ClusterTest, TheFirstRequestWaitsForTheNames) {
  const auto cluster = make("roundrobin", {{"a.test", 80}, {"b.test", 80}});
  EXPECT_EQ(fixture_.dns->asked, (std::vector<std::string>{"A a.test", "A b.test"}));
  PickContext context;
  EXPECT_EQ(cluster->pick(context).error, PickError::kResolving);
  Waited waited;
  cluster->wait_resolved(waited.wait);
  fixture_.dns->reply_with({"10.0.0.1"}, 300);
  fixture_.run();
  EXPECT_EQ(waited.calls, 0);
  fixture_.dns->reply_with({"10.0.0.2"}, 300);
  fixture_.run();
  EXPECT_EQ(waited.calls, 1);
  std::set<std::string> seen = {pick_text(*cluster, context), pick_text(*cluster, context)};
  EXPECT_EQ(seen, (std::set<std::string>{"10.0.0.1:80", "10.0.0.2:80"}));
  EXPECT_EQ(cluster->pick(context).node->host, "a.test");
}

TEST_F(ClusterTest, ANameWithoutAReplyDelaysOthersOnlyForAWhile) {
  const auto cluster = make("roundrobin", {{"slow.test", 80}, {"10.0.0.1", 80}});
  PickContext context;
  EXPECT_EQ(cluster->pick(context).error, PickError::kResolving);
  Waited waited;
  cluster->wait_resolved(waited.wait);
  fixture_.advance_ms(400);
  EXPECT_EQ(waited.calls, 0);
  fixture_.advance_ms(200);
  EXPECT_EQ(waited.calls, 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pick_text(*cluster, context), "10.0.0.1:80");
  fixture_.dns->reply_with({"10.0.0.2"}, 10);
  fixture_.run();
  std::set<std::string> seen = {pick_text(*cluster, context), pick_text(*cluster, context)};
  EXPECT_EQ(seen.size(), 2u);
  // The next time that no address is known, requests wait again.
  for (int second = 0; second < 200; ++second) {
    fixture_.advance_ms(1000);
    while (fixture_.dns->open() > 0) fixture_.dns->reply_with({"10.0.0.2"}, 10);
  }
  EXPECT_EQ(cluster->pick(context).error, PickError::kResolving);
}

TEST_F(ClusterTest, NamesThatDoNotExistAreLeftOutAndAloneAre503) {
  const auto mixed = make("roundrobin", {{"gone.test", 80}, {"10.0.0.1", 80}});
  const auto alone = make("roundrobin", {{"gone.test", 80}});
  PickContext context;
  EXPECT_EQ(alone->pick(context).error, PickError::kResolving);
  Waited waited;
  alone->wait_resolved(waited.wait);
  fixture_.dns->fail(resolve::DnsReply::Kind::kNoName);
  fixture_.run();
  EXPECT_EQ(waited.calls, 1);
  EXPECT_EQ(alone->pick(context).error, PickError::kDnsFailed);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pick_text(*mixed, context), "10.0.0.1:80");
  // It comes into being: no restart needed.
  fixture_.advance_ms(6500);
  fixture_.dns->reply_with({"10.0.0.9"}, 60);
  fixture_.run();
  EXPECT_EQ(pick_text(*alone, context), "10.0.0.9:80");
}

TEST_F(ClusterTest, AddressesOfANameAreSharedAndRetriesMoveOn) {
  const auto cluster = make("roundrobin", {{"a.test", 80}});
  fixture_.dns->reply_with({"10.0.0.3", "10.0.0.1", "10.0.0.2"}, 300);
  std::map<std::string, int> counts;
  for (int i = 0; i < 3000; ++i) {
    PickContext context;
    ++counts[pick_text(*cluster, context)];
  }
  ASSERT_EQ(counts.size(), 3u);
  for (const auto& [address, count] : counts) EXPECT_NEAR(count, 1000, 150) << address;
  for (int request = 0; request < 20; ++request) {
    PickContext context;
    std::set<std::string> tries;
    for (int i = 0; i < 3; ++i) {
      tries.insert(pick_text(*cluster, context));
      cluster->after(context, 0, {.failed = true});
    }
    EXPECT_EQ(tries.size(), 3u);
  }
}

TEST_F(ClusterTest, AKeyKeepsItsAddressOfAName) {
  const auto cluster = make("chash", {{"a.test", 80}});
  fixture_.dns->reply_with({"10.0.0.3", "10.0.0.1", "10.0.0.2"}, 300);
  std::set<std::string> all;
  for (int key = 0; key < 20; ++key) {
    std::set<std::string> seen;
    for (int i = 0; i < 5; ++i) {
      const std::string text = "key" + std::to_string(key);
      PickContext context{.hash_key = text};
      seen.insert(pick_text(*cluster, context));
    }
    EXPECT_EQ(seen.size(), 1u);
    all.insert(*seen.begin());
  }
  EXPECT_EQ(all.size(), 3u);
}

TEST_F(ClusterTest, AnIdleClusterAsksAgainBeforeItServes) {
  const auto cluster = make("roundrobin", {{"a.test", 80}});
  fixture_.dns->reply_with({"10.0.0.1"}, 10);
  PickContext context;
  EXPECT_EQ(pick_text(*cluster, context), "10.0.0.1:80");
  while (fixture_.timers.now_ms() < 1'000'000 + 400'000) {
    fixture_.advance_ms(1000);
    if (fixture_.dns->open() > 0) fixture_.dns->reply_with({"10.0.0.1"}, 10);
  }
  const auto asked = fixture_.dns->asked.size();
  EXPECT_LT(asked, 20u);  // refreshed for the first minute only
  EXPECT_EQ(cluster->pick(context).error, PickError::kResolving);
  Waited waited;
  cluster->wait_resolved(waited.wait);
  EXPECT_EQ(fixture_.dns->asked.size(), asked + 1);
  fixture_.dns->reply_with({"10.0.0.7"}, 10);
  fixture_.run();
  EXPECT_EQ(waited.calls, 1);
  EXPECT_EQ(pick_text(*cluster, context), "10.0.0.7:80");
}

TEST_F(ClusterTest, AClusterInUseNeverWaitsAgainNotEvenForNodesThatGetNothing) {
  const auto cluster = make("roundrobin", {{"a.test", 80}, {"spare.test", 80, 1, -1}});
  for (int second = 0; second < 300; ++second) {
    while (fixture_.dns->open() > 0) fixture_.dns->reply_with({"10.0.0.1"}, 10);
    PickContext context;
    ASSERT_EQ(pick_text(*cluster, context), "10.0.0.1:80") << second;
    fixture_.advance_ms(1000);
  }
  EXPECT_EQ(fixture_.status_of("spare.test").state, "fresh");
}

TEST_F(ClusterTest, LoadsAreForgottenAMinuteAfterTheirLastUse) {
  const std::vector<ClusterNode> nodes = {{"10.0.0.1", 80}, {"10.0.0.2", 80}};
  const auto measured = [&](std::uint64_t now_us) {
    const auto table = loads_.table_of("/upstreams/1", now_us);
    return table->load_of("0#10.0.0.1:80")->touched_us;
  };
  auto cluster = make("ewma", nodes, "/upstreams/1");
  PickContext context;
  cluster->after(context, 0, {.latency_us = 1000, .now_us = 100'000'000});
  loads_.table_of("other", 200'000'000);           // sweeps
  EXPECT_EQ(measured(200'000'000), 100'000'000u);  // the cluster holds it
  cluster = nullptr;
  EXPECT_EQ(measured(201'000'000), 100'000'000u);  // swept a second ago
  loads_.table_of("other", 300'000'000);
  EXPECT_EQ(measured(300'000'000), 0u);
}

TEST_F(ClusterTest, WithoutAResolverANameIsADeadNode) {
  ClusterConfig config;
  config.nodes = {{"a.test", 80}};
  const auto cluster = Cluster::make(config, {fixture_.random, loads_, nullptr}, 0);
  PickContext context;
  EXPECT_EQ(cluster->pick(context).error, PickError::kDnsFailed);
}

TEST_F(ClusterTest, AClusterThatGoesAwayWhileWaitingIsNotCalled) {
  auto cluster = make("roundrobin", {{"a.test", 80}});
  PickContext context;
  cluster->pick(context);
  {
    Waited waited;
    cluster->wait_resolved(waited.wait);
  }
  Waited waited;
  cluster->wait_resolved(waited.wait);
  cluster = nullptr;
  fixture_.dns->reply_with({"10.0.0.1"}, 10);
  fixture_.advance_ms(1000);
  EXPECT_EQ(waited.calls, 0);
}

}  // namespace
}  // namespace apisix::upstream
