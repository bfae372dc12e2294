// The resolver's rules on a clock that the test moves; what is sent over the wire is ares_client_test.cc.
#include "shared/resolve/resolver.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/shared/resolve/resolver_fixture.h"

namespace apisix::resolve {
namespace {

using Texts = std::vector<std::string>;

Texts texts(std::span<const base::IpAddress> addresses) {
  Texts out;
  for (const auto& address : addresses) out.push_back(address.to_string());
  return out;
}

struct Waiting {
  void on_outcome(const ResolvedHost& host) {
    ++calls;
    usable = host.is_usable();
    addresses = texts(host.addresses());
  }
  HostWaiter waiter{HostWaiter::Callback::of<&Waiting::on_outcome>(*this)};
  int calls = 0;
  bool usable = false;
  Texts addresses;
};

struct Watching {
  void on_change(const ResolvedHost& host, std::span<const base::IpAddress> gone) {
    names.push_back(host.name());
    for (auto& text : texts(gone)) vanished.push_back(text);
    now = texts(host.addresses());
  }
  HostSubscription subscription{HostSubscription::Callback::of<&Watching::on_change>(*this)};
  Texts names;
  Texts vanished;
  Texts now;
};

Texts cached(ResolverFixture& fixture, const std::string& name) {
  const auto host = fixture.resolver->find_cached(name);
  return host ? texts(host->addresses()) : Texts{};
}

TEST(Resolver, AddressesNeedNoLookup) {
  ResolverFixture fixture;
  EXPECT_EQ(cached(fixture, "192.0.2.7"), Texts{"192.0.2.7"});
  EXPECT_EQ(cached(fixture, "[2001:db8::1]"), Texts{"2001:db8::1"});
  Waiting waiting;
  fixture.resolver->resolve("192.0.2.7", waiting.waiter);
  EXPECT_EQ(waiting.calls, 0);  // never inside resolve()
  fixture.run();
  EXPECT_EQ(waiting.addresses, Texts{"192.0.2.7"});
  EXPECT_TRUE(fixture.dns->asked.empty());
}

TEST(Resolver, OneLookupForAllWhoAsk) {
  ResolverFixture fixture;
  Waiting waiting[5];
  for (auto& one : waiting) fixture.resolver->resolve("A.Test", one.waiter);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{});
  EXPECT_EQ(fixture.dns->asked, Texts{"A a.test"});
  fixture.dns->reply_with({"10.0.0.2", "10.0.0.1", "10.0.0.2"}, 30);
  for (auto& one : waiting) EXPECT_EQ(one.calls, 0);
  fixture.run();
  for (auto& one : waiting) {
    EXPECT_EQ(one.calls, 1);
    EXPECT_EQ(one.addresses, (Texts{"10.0.0.1", "10.0.0.2"}));
  }
  EXPECT_EQ(cached(fixture, "a.TEST"), (Texts{"10.0.0.1", "10.0.0.2"}));
}

TEST(Resolver, GivingUpWaitingIsDestruction) {
  ResolverFixture fixture;
  auto early = std::make_unique<Waiting>();
  auto late = std::make_unique<Waiting>();
  fixture.resolver->resolve("a.test", early->waiter);
  fixture.resolver->resolve("a.test", late->waiter);
  early.reset();
  fixture.dns->reply_with({"10.0.0.1"}, 30);
  late.reset();  // between the reply and the callback
  fixture.run();
  EXPECT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.1"});
}

TEST(Resolver, NamesInUseAreAskedAgainBeforeTheirTtlIsOver) {
  ResolverFixture fixture;
  cached(fixture, "a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 20);
  const auto host = fixture.resolver->follow("a.test");
  for (int round = 0; round < 10; ++round) {
    fixture.advance_ms(15'900);
    EXPECT_EQ(fixture.dns->open(), 0u);  // not before 80 % of the TTL
    EXPECT_EQ(host->state(), HostState::kFresh);
    fixture.advance_ms(3'200);
    ASSERT_EQ(fixture.dns->open(), 1u);  // by 95 % of it
    EXPECT_EQ(host->state(), HostState::kFresh);
    fixture.resolver->touch(*host);
    fixture.dns->reply_with({"10.0.0.1"}, 20);
  }
}

TEST(Resolver, RefreshesAreSpread) {
  ResolverFixture fixture;
  std::vector<base::Ref<ResolvedHost>> hosts;
  for (int i = 0; i < 200; ++i) {
    hosts.push_back(fixture.resolver->follow("n" + std::to_string(i) + ".test"));
    fixture.dns->reply_with({"10.0.0.1"}, 100);
  }
  std::set<std::size_t> counts;
  for (int i = 0; i < 15; ++i) {
    fixture.advance_ms(i == 0 ? 80'000 : 1000);
    counts.insert(fixture.dns->open());
  }
  EXPECT_GT(counts.size(), 8u);
}

TEST(Resolver, ValidOverridesTheTtlAndTtlIsBounded) {
  ResolverConfig config;
  config.valid_ms = 5000;
  ResolverFixture fixture(config);
  cached(fixture, "a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 86400);
  EXPECT_EQ(*fixture.status_of("a.test").ttl_left_ms, 5000);

  ResolverFixture plain;
  cached(plain, "zero.test");
  plain.dns->reply_with({"10.0.0.1"}, 0);
  EXPECT_EQ(*plain.status_of("zero.test").ttl_left_ms, 1000);
  cached(plain, "long.test");
  plain.dns->reply_with({"10.0.0.1"}, 0x7fffffff);
  EXPECT_EQ(*plain.status_of("long.test").ttl_left_ms, 86'400'000);
}

TEST(Resolver, StaleAddressesAreServedWhileTheServersFailAndAReplyEndsIt) {
  ResolverFixture fixture;
  const auto host = fixture.resolver->follow("a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  std::size_t failures = 0;
  for (int second = 0; second < 600; ++second) {
    fixture.advance_ms(1000);
    ASSERT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.1"}) << "after " << second << " s";
    for (; fixture.dns->open() > 0; ++failures) fixture.dns->fail(DnsReply::Kind::kFailed);
  }
  EXPECT_EQ(host->state(), HostState::kStale);
  EXPECT_GT(failures, 90u);   // it keeps asking
  EXPECT_LT(failures, 180u);  // but not in a frenzy
  EXPECT_EQ(fixture.status_of("a.test").failures, failures);
  EXPECT_EQ(fixture.status_of("a.test").error, "failed");
  fixture.advance_ms(6000);
  fixture.dns->reply_with({"10.0.0.2"}, 10);
  EXPECT_EQ(host->state(), HostState::kFresh);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.2"});
  EXPECT_EQ(host->error(), "");
}

TEST(Resolver, StaleAddressesHaveABoundedAge) {
  ResolverConfig config;
  config.stale_max_ms = 60'000;
  ResolverFixture fixture(config);
  const auto host = fixture.resolver->follow("a.test");
  Watching watching;
  fixture.resolver->subscribe_all(watching.subscription);
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  fixture.run();
  const auto live = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      fixture.advance_ms(1000);
      cached(fixture, "a.test");
      if (fixture.dns->open() > 0) fixture.dns->fail(DnsReply::Kind::kTimeout);
    }
  };
  live(65);
  EXPECT_TRUE(host->is_usable());
  EXPECT_TRUE(watching.vanished.empty());
  live(12);
  EXPECT_FALSE(host->is_usable());
  EXPECT_EQ(host->state(), HostState::kFailed);
  EXPECT_EQ(watching.vanished, Texts{"10.0.0.1"});
  live(30);
  fixture.advance_ms(6000);
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  EXPECT_TRUE(host->is_usable());
}

TEST(Resolver, ALookupThatHangsLeavesTheAddressesInUse) {
  ResolverConfig config;
  config.stale_max_ms = 60'000;
  ResolverFixture fixture(config);
  const auto host = fixture.resolver->follow("a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  for (int second = 0; second < 60; ++second) {
    fixture.advance_ms(1000);
    ASSERT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.1"});
  }
  EXPECT_EQ(host->state(), HostState::kStale);
  EXPECT_EQ(fixture.dns->asked.size(), 2u);
  fixture.advance_ms(11'000);
  EXPECT_EQ(host->state(), HostState::kFailed);
  fixture.dns->reply_with({"10.0.0.5"}, 10);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.5"});
}

TEST(Resolver, NoSuchNameIsAReply) {
  ResolverFixture fixture;
  const auto host = fixture.resolver->follow("a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  fixture.advance_ms(9600);
  fixture.dns->fail(DnsReply::Kind::kNoName);
  EXPECT_EQ(host->state(), HostState::kFailed);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{});
  Waiting waiting;
  fixture.resolver->resolve(*host, waiting.waiter);
  fixture.run();
  EXPECT_EQ(waiting.calls, 1);  // at once: no wait for a name that is known to be bad
  EXPECT_FALSE(waiting.usable);
  EXPECT_EQ(fixture.dns->open(), 0u);
  fixture.advance_ms(6100);
  EXPECT_EQ(fixture.dns->open(), 1u);
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  EXPECT_TRUE(host->is_usable());
}

TEST(Resolver, FirstLookupFailsAndRecovers) {
  ResolverFixture fixture;
  Waiting waiting;
  fixture.resolver->resolve("a.test", waiting.waiter);
  fixture.dns->fail(DnsReply::Kind::kTimeout);
  fixture.run();
  EXPECT_EQ(waiting.calls, 1);
  EXPECT_FALSE(waiting.usable);
  EXPECT_EQ(fixture.status_of("a.test").error, "timeout");
  EXPECT_GE(*fixture.status_of("a.test").next_try_ms, 800u);
  EXPECT_LE(*fixture.status_of("a.test").next_try_ms, 1200u);
  fixture.advance_ms(1300);
  EXPECT_EQ(fixture.dns->open(), 1u);
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{"10.0.0.1"});
}

TEST(Resolver, TheSecondTypeIsAskedWhenTheFirstHasNoRecords) {
  ResolverFixture fixture;
  Waiting waiting;
  fixture.resolver->resolve("v6.test", waiting.waiter);
  fixture.dns->fail(DnsReply::Kind::kNoRecords);
  fixture.dns->reply_with({"2001:db8::1"}, 10);
  fixture.run();
  EXPECT_EQ(waiting.addresses, Texts{"2001:db8::1"});
  EXPECT_EQ(fixture.dns->asked, (Texts{"A v6.test", "AAAA v6.test"}));
  // The server that replied is asked first the next time.
  fixture.advance_ms(9600);
  EXPECT_EQ(fixture.dns->asked.back(), "AAAA v6.test");
  fixture.dns->fail(DnsReply::Kind::kNoRecords);
  EXPECT_EQ(fixture.dns->asked.back(), "A v6.test");
}

TEST(Resolver, OrderAndIpv6AreConfigurable) {
  ResolverConfig config;
  config.order = {DnsType::kAaaa, DnsType::kA};
  ResolverFixture first(config);
  cached(first, "a.test");
  EXPECT_EQ(first.dns->asked, Texts{"AAAA a.test"});
  config.enable_ipv6 = false;
  ResolverFixture without(config);
  cached(without, "a.test");
  EXPECT_EQ(without.dns->asked, Texts{"A a.test"});
  without.dns->fail(DnsReply::Kind::kNoRecords);
  EXPECT_EQ(without.dns->open(), 0u);
}

TEST(Resolver, ChangesAreToldToSubscribers) {
  ResolverFixture fixture;
  Watching one;
  Watching all;
  auto gone = std::make_unique<Watching>();
  fixture.resolver->subscribe_all(all.subscription);
  fixture.resolver->subscribe("a.test", one.subscription);
  fixture.resolver->subscribe("a.test", gone->subscription);
  fixture.dns->reply_with({"10.0.0.1", "10.0.0.2"}, 10);
  EXPECT_TRUE(one.names.empty());  // from the ready queue only
  fixture.run();
  EXPECT_EQ(one.now, (Texts{"10.0.0.1", "10.0.0.2"}));
  EXPECT_TRUE(one.vanished.empty());
  gone.reset();
  cached(fixture, "b.test");
  fixture.dns->reply_with({"10.0.9.9"}, 300);
  fixture.run();
  fixture.advance_ms(9600);
  fixture.dns->reply_with({"10.0.0.3", "10.0.0.2"}, 10);
  fixture.run();
  EXPECT_EQ(one.vanished, Texts{"10.0.0.1"});
  EXPECT_EQ(one.now, (Texts{"10.0.0.2", "10.0.0.3"}));
  EXPECT_EQ(all.names, (Texts{"a.test", "b.test", "a.test"}));
  // The same addresses in another order are no change.
  cached(fixture, "a.test");
  fixture.advance_ms(9600);
  fixture.dns->reply_with({"10.0.0.2", "10.0.0.3"}, 10);
  fixture.run();
  EXPECT_EQ(one.names.size(), 2u);
}

TEST(Resolver, ASubscriberMayDestroyAnotherAndAskTheResolver) {
  ResolverFixture fixture;
  struct Cascade {
    ResolverFixture& fixture;
    std::unique_ptr<Watching> victim = std::make_unique<Watching>();
    void on_change(const ResolvedHost&, std::span<const base::IpAddress>) {
      victim.reset();
      fixture.resolver->find_cached("192.0.2.1");
    }
    HostSubscription subscription{HostSubscription::Callback::of<&Cascade::on_change>(*this)};
  } cascade{fixture};
  fixture.resolver->subscribe_all(cascade.subscription);
  fixture.resolver->subscribe_all(cascade.victim->subscription);
  Watching last;
  fixture.resolver->subscribe_all(last.subscription);
  cached(fixture, "a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  fixture.run();
  EXPECT_EQ(cascade.victim, nullptr);
  EXPECT_EQ(last.names, (Texts{"a.test", "192.0.2.1"}));
}

TEST(Resolver, NamesNotUsedAreForgotten) {
  ResolverFixture fixture;
  cached(fixture, "a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  cached(fixture, "192.0.2.1");
  cached(fixture, "localhost");
  const auto kept = fixture.resolver->follow("kept.test");
  fixture.dns->reply_with({"10.0.0.2"}, 10);
  EXPECT_EQ(fixture.resolver->status().size(), 4u);
  for (int i = 0; i < 200; ++i) {
    fixture.advance_ms(1000);
    while (fixture.dns->open() > 0) fixture.dns->reply_with({"10.0.0.1"}, 10);
  }
  ASSERT_EQ(fixture.resolver->status().size(), 1u);
  EXPECT_EQ(fixture.resolver->status()[0].name, "kept.test");
  EXPECT_EQ(fixture.resolver->status()[0].state, "expired");
  EXPECT_EQ(fixture.resolver->status()[0].users, 1u);
}

TEST(Resolver, AnExpiredNameIsServedOnlyWhenTheServersFail) {
  ResolverFixture fixture;
  const auto host = fixture.resolver->follow("a.test");
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  for (int i = 0; i < 120; ++i) {
    fixture.advance_ms(1000);
    while (fixture.dns->open() > 0) fixture.dns->reply_with({"10.0.0.1"}, 10);
  }
  EXPECT_EQ(host->state(), HostState::kExpired);
  EXPECT_EQ(cached(fixture, "a.test"), Texts{});
  Waiting waiting;
  fixture.resolver->resolve(*host, waiting.waiter);
  fixture.run();
  EXPECT_EQ(waiting.calls, 0);
  fixture.dns->fail(DnsReply::Kind::kTimeout);
  fixture.run();
  EXPECT_TRUE(waiting.usable);
  EXPECT_EQ(waiting.addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(host->state(), HostState::kStale);
}

TEST(Resolver, NumberOfNamesIsBounded) {
  ResolverConfig config;
  config.hosts_max = 3;
  ResolverFixture fixture(config);
  const auto a = fixture.resolver->follow("a.test");
  const auto b = fixture.resolver->follow("b.test");
  cached(fixture, "c.test");
  const auto d = fixture.resolver->follow("d.test");  // takes the place of c.test
  EXPECT_TRUE(d);
  EXPECT_FALSE(fixture.resolver->follow("e.test"));
  Waiting waiting;
  EXPECT_FALSE(fixture.resolver->resolve("f.test", waiting.waiter));
  EXPECT_TRUE(fixture.resolver->resolve("A.test", waiting.waiter));
  EXPECT_EQ(fixture.resolver->status().size(), 3u);
}

TEST(Resolver, WhatIsNoNameIsNotAsked) {
  ResolverFixture fixture;
  for (const std::string& name :
       {std::string(""), std::string("."), std::string("a..b"), std::string("a b.test"),
        std::string(64, 'x') + ".test", std::string(300, 'a')}) {
    Waiting waiting;
    ASSERT_TRUE(fixture.resolver->resolve(name, waiting.waiter));
    fixture.run();
    EXPECT_EQ(waiting.calls, 1) << name;
    EXPECT_FALSE(waiting.usable) << name;
  }
  EXPECT_TRUE(fixture.dns->asked.empty());
}

TEST(Resolver, HostsFileComesFirstAndIsReadAgainWhenItChanges) {
  ResolverFixture fixture;
  Watching watching;
  fixture.resolver->subscribe("app.test", watching.subscription);
  fixture.dns->reply_with({"10.0.0.1"}, 300);
  fixture.run();
  fixture.folder.write("hosts", "10.1.1.1 app.test other.test\n");
  fixture.advance_ms(5100);
  EXPECT_EQ(cached(fixture, "app.test"), Texts{"10.1.1.1"});
  EXPECT_EQ(cached(fixture, "OTHER.test"), Texts{"10.1.1.1"});
  EXPECT_EQ(watching.vanished, Texts{"10.0.0.1"});
  EXPECT_EQ(fixture.status_of("app.test").origin, "hosts");
  fixture.folder.write("hosts", "10.1.1.2 app.test\n");
  fixture.advance_ms(5100);
  EXPECT_EQ(cached(fixture, "app.test"), Texts{"10.1.1.2"});
  // The line is removed: DNS decides, and until it has, the old address stays.
  fixture.folder.write("hosts", "");
  fixture.advance_ms(5100);
  EXPECT_EQ(cached(fixture, "app.test"), Texts{"10.1.1.2"});
  while (fixture.dns->open() > 0) fixture.dns->reply_with({"10.0.0.9"}, 300);
  EXPECT_EQ(cached(fixture, "app.test"), Texts{"10.0.0.9"});
  EXPECT_EQ(cached(fixture, "localhost"), Texts{"127.0.0.1"});
}

TEST(Resolver, ALookupUnderWayIsSettledByTheHostsFile) {
  ResolverFixture fixture;
  Waiting waiting;
  fixture.resolver->resolve("app.test", waiting.waiter);
  fixture.folder.write("hosts", "10.1.1.1 app.test\n");
  fixture.advance_ms(5100);
  EXPECT_EQ(waiting.addresses, Texts{"10.1.1.1"});
  EXPECT_EQ(fixture.dns->open(), 0u);
}

TEST(Resolver, SearchDomainsAndNameServersComeFromResolvConf) {
  ResolverFixture fixture;
  ASSERT_EQ(fixture.dns->servers.size(), 1u);
  EXPECT_EQ(fixture.dns->servers[0].address.to_string(), "192.0.2.53");
  fixture.folder.write("resolv.conf", "nameserver 192.0.2.54\nsearch prod.svc test\noptions ndots:2\n");
  fixture.advance_ms(5100);
  EXPECT_EQ(fixture.dns->servers[0].address.to_string(), "192.0.2.54");
  cached(fixture, "db.east");
  fixture.dns->fail(DnsReply::Kind::kNoName);
  fixture.dns->reply_with({"10.0.0.1"}, 10);
  EXPECT_EQ(fixture.dns->asked, (Texts{"A db.east.prod.svc", "A db.east.test"}));
  cached(fixture, "a.b.c");
  EXPECT_EQ(fixture.dns->asked.back(), "A a.b.c");

  ResolverConfig config;
  config.nameservers = {*parse_name_server("127.0.0.1:1053")};
  config.enable_search = false;
  ResolverFixture fixed(config);
  EXPECT_EQ(fixed.dns->servers[0].port, 1053);
  fixed.folder.write("resolv.conf", "nameserver 192.0.2.54\nsearch prod.svc\n");
  fixed.advance_ms(5100);
  EXPECT_EQ(fixed.dns->servers[0].port, 1053);
  cached(fixed, "db");
  EXPECT_EQ(fixed.dns->asked, Texts{"A db"});
}

TEST(Resolver, NewNameServersAreTriedAtOnceForFailedNames) {
  ResolverFixture fixture;
  cached(fixture, "a.test");
  for (int i = 0; i < 8; ++i) {
    if (fixture.dns->open() > 0) fixture.dns->fail(DnsReply::Kind::kFailed);
    fixture.advance_ms(1000);
    cached(fixture, "a.test");
  }
  if (fixture.dns->open() > 0) fixture.dns->fail(DnsReply::Kind::kFailed);
  const auto asked = fixture.dns->asked.size();
  fixture.folder.write("resolv.conf", "nameserver 192.0.2.54\n");
  fixture.advance_ms(2100);  // the file is looked at every 5 s, the retry would come after 4 s at the soonest
  EXPECT_EQ(fixture.dns->asked.size(), asked + 1);
}

TEST(Resolver, StatusShowsEveryName) {
  ResolverFixture fixture;
  const auto kept = fixture.resolver->follow("b.test");
  fixture.dns->reply_with({"10.0.0.1"}, 30);
  cached(fixture, "a.test");
  cached(fixture, "192.0.2.1");
  fixture.advance_ms(1000);
  const auto rows = fixture.resolver->status();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].name, "192.0.2.1");
  EXPECT_EQ(rows[0].origin, "literal");
  EXPECT_FALSE(rows[0].ttl_left_ms);
  EXPECT_EQ(rows[1].name, "a.test");
  EXPECT_EQ(rows[1].state, "pending");
  EXPECT_TRUE(rows[1].is_looking_up);
  EXPECT_EQ(rows[2].state, "fresh");
  EXPECT_EQ(rows[2].addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(rows[2].age_ms, 1000u);
  EXPECT_EQ(rows[2].ttl_left_ms, 29'000);
  EXPECT_GE(*rows[2].next_try_ms, 23'000u);
  EXPECT_EQ(rows[2].users, 1u);
}

TEST(Resolver, MayGoAwayBeforeThoseWhoUseIt) {
  auto fixture = std::make_unique<ResolverFixture>();
  Waiting waiting;
  Watching watching;
  Watching all;
  fixture->resolver->resolve("a.test", waiting.waiter);
  fixture->resolver->subscribe("a.test", watching.subscription);
  fixture->resolver->subscribe_all(all.subscription);
  auto host = fixture->resolver->follow("a.test");
  fixture->resolver.reset();
  fixture->timers.advance(fixture->timers.now_ms() + 100'000);
  fixture->run();
  EXPECT_EQ(waiting.calls, 0);
  EXPECT_EQ(host->name(), "a.test");
  host = nullptr;
}

}  // namespace
}  // namespace apisix::resolve
