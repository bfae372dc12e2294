// The resolver with c-ares against a scripted name server on loopback.
#include <map>

#include <gtest/gtest.h>

#include "shared/resolve/ares_client.h"
#include "shared/resolve/resolver.h"
#include "tests/fakes/dns_server.h"
#include "tests/unit/shared/resolve/resolver_fixture.h"

namespace apisix::resolve {
namespace {

using Texts = std::vector<std::string>;
using Replies = std::vector<DnsScriptReply>;

NameServer loopback(std::uint16_t port) {
  return {*base::IpAddress::parse("127.0.0.1"), port};
}

class ResolverDnsTest : public testing::Test {
 protected:
  struct Outcome {
    bool done = false;
    std::string error;
    Texts addresses;
  };
  struct Waiting : Outcome {
    void on_outcome(const ResolvedHost& host) {
      done = true;
      error = host.error();
      for (const auto& address : host.addresses()) addresses.push_back(address.to_string());
    }
    HostWaiter waiter{HostWaiter::Callback::of<&Waiting::on_outcome>(*this)};
  };

  void make(std::vector<NameServer> servers) {
    config_.nameservers = std::move(servers);
    config_.hosts_path = folder_.write("hosts", "");
    config_.resolv_conf_path = folder_.write("resolv.conf", resolv_conf_);
    auto made = make_resolver(loop_, random_, config_);
    ASSERT_TRUE(made) << made.error().what;
    resolver_ = std::move(*made);
  }
  void serve(ScriptedDnsServer::Script script) {
    server_ = std::make_unique<ScriptedDnsServer>(loop_, std::move(script));
    make({loopback(server_->port())});
  }
  // Turns the loop until `done`, at most ten seconds.
  template <typename Done>
  bool run_until(Done done) {
    const std::uint64_t end = base::monotonic_now_us() + 10'000'000;
    while (!done() && base::monotonic_now_us() < end) loop_.run_once(20);
    return done();
  }
  void run_for_ms(std::uint64_t delay_ms) {
    const std::uint64_t end = base::monotonic_now_us() + delay_ms * 1000;
    while (base::monotonic_now_us() < end) loop_.run_once(5);
  }
  Outcome resolve(const std::string& name) {
    Waiting waiting;
    EXPECT_TRUE(resolver_->resolve(name, waiting.waiter));
    EXPECT_TRUE(run_until([&] { return waiting.done; })) << name;
    return waiting;
  }
  Texts cached(const std::string& name) {
    Texts out;
    if (const auto host = resolver_->find_cached(name)) {
      for (const auto& address : host->addresses()) out.push_back(address.to_string());
    }
    return out;
  }

  event::Loop loop_;
  base::Random random_{3};
  ScratchFolder folder_;
  ResolverConfig config_;
  std::string resolv_conf_;
  std::unique_ptr<ScriptedDnsServer> server_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverDnsTest, AddressesOfBothFamilies) {
  serve([](const std::string& question, bool) -> Replies {
    if (question == "A a.test")
      return {{.records = {dns_address("a.test", "10.0.0.2", 77), dns_address("a.test", "10.0.0.1", 99)}}};
    if (question == "AAAA six.test") return {{.records = {dns_address("six.test", "2001:db8::6")}}};
    return {{}};
  });
  EXPECT_EQ(resolve("A.test").addresses, (Texts{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(resolve("six.test").addresses, Texts{"2001:db8::6"});
  const auto rows = resolver_->status();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NEAR(static_cast<double>(*rows[0].ttl_left_ms), 77'000, 2000);
  EXPECT_EQ(resolve("none.test").error, "no such name, or no address of it");
}

TEST_F(ResolverDnsTest, ChainsOfAliases) {
  serve([](const std::string& question, bool) -> Replies {
    if (question == "A www.test") {
      return {{.records = {dns_cname("cdn.test", "edge.test", 5), dns_address("edge.test", "10.0.0.1", 60),
                           dns_cname("www.test", "cdn.test", 300), dns_address("other.test", "10.6.6.6")}}};
    }
    if (question == "A partial.test") return {{.records = {dns_cname("partial.test", "elsewhere.test", 7)}}};
    if (question == "A elsewhere.test") return {{.records = {dns_address("elsewhere.test", "10.0.0.2")}}};
    if (question == "A loop.test") {
      return {{.records = {dns_cname("loop.test", "pool.test"), dns_cname("pool.test", "loop.test")}}};
    }
    return {{.rcode = 3}};
  });
  EXPECT_EQ(resolve("www.test").addresses, Texts{"10.0.0.1"});
  EXPECT_NEAR(static_cast<double>(*resolver_->status()[0].ttl_left_ms), 5000, 1000);
  EXPECT_EQ(resolve("partial.test").addresses, Texts{"10.0.0.2"});
  EXPECT_TRUE(resolve("loop.test").addresses.empty());
}

TEST_F(ResolverDnsTest, TruncatedRepliesAreAskedForOverTcp) {
  std::vector<DnsRecord> many;
  for (int i = 1; i <= 100; ++i) many.push_back(dns_address("big.test", "10.0.0." + std::to_string(i)));
  serve([&many](const std::string&, bool) -> Replies { return {{.records = many, .truncated = true}}; });
  EXPECT_EQ(resolve("big.test").addresses.size(), 100u);
  EXPECT_EQ(server_->questions, (Texts{"A big.test", "A big.test tcp"}));
}

TEST_F(ResolverDnsTest, ForgedRepliesAreIgnored) {
  serve([](const std::string& question, bool) -> Replies {
    if (question != "A a.test") return {{}};
    const std::vector<DnsRecord> bad = {dns_address("a.test", "10.6.6.6")};
    return {
        {.records = bad, .wrong_id = true},
        {.records = bad, .from_another_port = true},
        {.records = {dns_address("b.test", "10.6.6.6")}, .question = "b.test"},
        {.records = {dns_address("a.test", "10.0.0.1"), dns_address("b.test", "10.6.6.6")}, .delay_ms = 100}};
  });
  EXPECT_EQ(resolve("a.test").addresses, Texts{"10.0.0.1"});
  // The extra record was not taken as a record of another name.
  EXPECT_TRUE(resolve("b.test").addresses.empty());
}

TEST_F(ResolverDnsTest, NonsenseIsAFailureNotAReply) {
  std::string raw = "nonsense";
  serve([&raw](const std::string&, bool) -> Replies { return {{.raw = raw}}; });
  config_.query_timeout_ms = 100;
  make({loopback(server_->port())});
  EXPECT_TRUE(resolve("a.test").addresses.empty());
  // A proper header and question, then records that end in the middle.
  raw = dns_message(0, "b.test", 1, {.records = {dns_address("b.test", "10.0.0.1")}}).substr(2);
  raw.resize(raw.size() - 3);
  const auto cut = resolve("b.test");
  EXPECT_TRUE(cut.addresses.empty());
  EXPECT_NE(cut.error, "");
}

TEST_F(ResolverDnsTest, SilenceIsRetriedAndASecondServerHelps) {
  int asked = 0;
  server_ = std::make_unique<ScriptedDnsServer>(loop_, [&asked](const std::string&, bool) -> Replies {
    if (++asked == 1) return {};
    return {{.records = {dns_address("a.test", "10.0.0.1")}}};
  });
  config_.query_timeout_ms = 100;
  make({loopback(server_->port())});
  EXPECT_EQ(resolve("a.test").addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(asked, 2);

  ScriptedDnsServer silent(loop_, [](const std::string&, bool) -> Replies { return {}; });
  ScriptedDnsServer refusing(loop_, [](const std::string&, bool) -> Replies { return {{.rcode = 5}}; });
  make({loopback(silent.port()), loopback(refusing.port()), loopback(server_->port())});
  EXPECT_EQ(resolve("a.test").addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(silent.questions.size(), 1u);
  EXPECT_EQ(refusing.questions.size(), 1u);
}

TEST_F(ResolverDnsTest, TimeoutsAreReported) {
  serve([](const std::string&, bool) -> Replies { return {}; });
  config_.query_timeout_ms = 50;
  make({loopback(server_->port())});
  EXPECT_EQ(resolve("a.test").error, "Timeout while contacting DNS servers");
  EXPECT_EQ(server_->questions.size(), 2u);  // tries
}

TEST_F(ResolverDnsTest, TtlRunsOutAndTheNewAddressIsUsed) {
  std::string address = "10.0.0.1";
  config_.ttl_min_ms = 100;
  config_.valid_ms = 200;
  serve([&address](const std::string&, bool) -> Replies {
    return {{.records = {dns_address("a.test", address)}}};
  });
  struct Watching {
    void on_change(const ResolvedHost&, std::span<const base::IpAddress> gone) {
      for (const auto& one : gone) vanished.push_back(one.to_string());
    }
    HostSubscription subscription{HostSubscription::Callback::of<&Watching::on_change>(*this)};
    Texts vanished;
  } watching;
  resolver_->subscribe_all(watching.subscription);
  EXPECT_EQ(resolve("a.test").addresses, Texts{"10.0.0.1"});
  address = "10.0.0.2";
  EXPECT_EQ(cached("a.test"), Texts{"10.0.0.1"});
  EXPECT_TRUE(run_until([&] { return cached("a.test") == Texts{"10.0.0.2"}; }));
  EXPECT_EQ(watching.vanished, Texts{"10.0.0.1"});
}

TEST_F(ResolverDnsTest, AnOutageOfTheServerIsSurvivedAndItsReturnIsNoticed) {
  config_.valid_ms = 150;
  config_.failure_retry_ms = 50;
  config_.failure_retry_max_ms = 100;
  const ScriptedDnsServer::Script script = [](const std::string&, bool) -> Replies {
    return {{.records = {dns_address("a.test", "10.0.0.1")}}};
  };
  serve(script);
  const std::uint16_t port = server_->port();
  EXPECT_EQ(resolve("a.test").addresses, Texts{"10.0.0.1"});
  const auto host = resolver_->follow("a.test");
  server_.reset();  // the port is closed: "connection refused"
  EXPECT_TRUE(run_until([&] { return host->state() == HostState::kStale && !host->error().empty(); }));
  EXPECT_EQ(cached("a.test"), Texts{"10.0.0.1"});
  Waiting down;
  resolver_->resolve("b.test", down.waiter);
  EXPECT_TRUE(run_until([&] { return down.done; }));
  EXPECT_NE(down.error, "");
  server_ = std::make_unique<ScriptedDnsServer>(
      loop_,
      [](const std::string& question, bool) -> Replies {
        return {{.records = {dns_address(question.substr(2), "10.0.0.9")}}};
      },
      port);
  EXPECT_TRUE(run_until([&] { return cached("a.test") == Texts{"10.0.0.9"}; }));
  EXPECT_TRUE(run_until([&] { return cached("b.test") == Texts{"10.0.0.9"}; }));
  EXPECT_EQ(host->error(), "");
}

TEST_F(ResolverDnsTest, ServfailServesStale) {
  bool broken = false;
  config_.valid_ms = 150;
  config_.failure_retry_ms = 50;
  serve([&broken](const std::string&, bool) -> Replies {
    if (broken) return {{.rcode = 2}};
    return {{.records = {dns_address("a.test", "10.0.0.1")}}};
  });
  resolve("a.test");
  const auto host = resolver_->follow("a.test");
  broken = true;
  EXPECT_TRUE(run_until([&] { return host->state() == HostState::kStale && !host->error().empty(); }));
  EXPECT_EQ(cached("a.test"), Texts{"10.0.0.1"});
  broken = false;
  EXPECT_TRUE(run_until([&] { return host->state() == HostState::kFresh; }));
}

TEST_F(ResolverDnsTest, ASlowReplyIsSharedByAllWaiters) {
  serve([](const std::string& question, bool) -> Replies {
    return {{.records = {dns_address(question.substr(2), "10.0.0.1")}, .delay_ms = 100}};
  });
  std::vector<std::unique_ptr<Waiting>> all;
  for (int i = 0; i < 300; ++i) {
    all.push_back(std::make_unique<Waiting>());
    resolver_->resolve("n" + std::to_string(i % 100) + ".test", all.back()->waiter);
  }
  EXPECT_TRUE(run_until([&] { return std::ranges::all_of(all, [](const auto& one) { return one->done; }); }));
  for (const auto& one : all) EXPECT_EQ(one->addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(server_->questions.size(), 100u);
}

TEST_F(ResolverDnsTest, SearchDomains) {
  resolv_conf_ = "search svc.test test\noptions ndots:2\n";
  serve([](const std::string& question, bool) -> Replies {
    if (question == "A db.prod.test") return {{.records = {dns_address("db.prod.test", "10.0.0.1")}}};
    return {{.rcode = 3}};
  });
  EXPECT_EQ(resolve("db.prod").addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(server_->questions, (Texts{"A db.prod.svc.test", "A db.prod.test"}));
}

TEST_F(ResolverDnsTest, ServiceRecords) {
  serve([](const std::string&, bool) -> Replies {
    return {{.records = {dns_srv("_http._tcp.test", 10, 60, 1980, "a.test", 30),
                         dns_srv("_http._tcp.test", 20, 0, 1981, "b.test", 90)}}};
  });
  const auto client = make_ares_client(loop_, {});
  ASSERT_TRUE(client);
  const NameServer servers[] = {loopback(server_->port())};
  (*client)->set_servers(servers);
  DnsReply got;
  DnsQuery query({[](void* out, const DnsReply& reply) { *static_cast<DnsReply*>(out) = reply; }, &got});
  (*client)->start(query, "_http._tcp.test", DnsType::kSrv);
  ASSERT_TRUE(run_until([&] { return got.kind == DnsReply::Kind::kRecords; }));
  ASSERT_EQ(got.services.size(), 2u);
  EXPECT_EQ(got.services[0].target, "a.test");
  EXPECT_EQ(got.services[0].port, 1980);
  EXPECT_EQ(got.services[0].weight, 60);
  EXPECT_EQ(got.services[1].priority, 20);
  EXPECT_EQ(got.ttl_seconds, 30u);
}

TEST_F(ResolverDnsTest, QueriesMayBeDroppedAndServersChangedAtAnyTime) {
  serve([](const std::string&, bool) -> Replies {
    return {{.records = {dns_address("a.test", "10.0.0.1")}, .delay_ms = 50}};
  });
  auto client = make_ares_client(loop_, {});
  const NameServer servers[] = {loopback(server_->port())};
  (*client)->set_servers(servers);
  int calls = 0;
  const DnsQuery::Callback count{[](void* out, const DnsReply&) { ++*static_cast<int*>(out); }, &calls};
  auto dropped = std::make_unique<DnsQuery>(count);
  (*client)->start(*dropped, "a.test", DnsType::kA);
  loop_.run_once(10);
  dropped.reset();
  run_for_ms(120);
  EXPECT_EQ(calls, 0);
  DnsQuery moved(count);
  (*client)->start(moved, "a.test", DnsType::kA);
  loop_.run_once(10);
  (*client)->set_servers(servers);
  EXPECT_EQ(calls, 1);  // it failed: the old servers are gone
  DnsQuery last(count);
  (*client)->start(last, "a.test", DnsType::kA);
  loop_.run_once(10);
  last.cancel();
  client->reset();
  EXPECT_EQ(calls, 1);
}

TEST_F(ResolverDnsTest, TheResolverMayGoAwayWithLookupsUnderWay) {
  serve([](const std::string&, bool) -> Replies { return {}; });
  Waiting waiting;
  resolver_->resolve("a.test", waiting.waiter);
  loop_.run_once(10);
  resolver_.reset();
  run_for_ms(50);
  EXPECT_FALSE(waiting.done);
}

}  // namespace
}  // namespace apisix::resolve
