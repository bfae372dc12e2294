// The resolver's rules on a clock that the test moves; what is sent over the wire is ares_client_test.cc.
#include "shared/resolve/resolver.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/unit/shared/resolve/world.h"

namespace apisix::resolve {
namespace {

using Texts = std::vector<std::string>;

Texts texts(std::span<const base::IpAddress> addresses) {
  Texts out;
  for (const auto& address : addresses) out.push_back(address.to_string());
  return out;
}

struct Waiting {
  HostWaiter waiter{[](void* self, const ResolvedHost& host) {
                      auto* waiting = static_cast<Waiting*>(self);
                      ++waiting->calls;
                      waiting->usable = host.is_usable();
                      waiting->addresses = texts(host.addresses());
                    },
                    this};
  int calls = 0;
  bool usable = false;
  Texts addresses;
};

struct Watching {
  HostSubscription subscription{
      [](void* self, const ResolvedHost& host, std::span<const base::IpAddress> gone) {
        auto* watching = static_cast<Watching*>(self);
        watching->names.push_back(host.name());
        for (auto& text : texts(gone)) watching->vanished.push_back(text);
        watching->now = texts(host.addresses());
      },
      this};
  Texts names;
  Texts vanished;
  Texts now;
};

Texts cached(ResolverWorld& world, const std::string& name) {
  const auto host = world.resolver->find_cached(name);
  return host ? texts(host->addresses()) : Texts{};
}

TEST(Resolver, AddressesNeedNoLookup) {
  ResolverWorld world;
  EXPECT_EQ(cached(world, "192.0.2.7"), Texts{"192.0.2.7"});
  EXPECT_EQ(cached(world, "[2001:db8::1]"), Texts{"2001:db8::1"});
  Waiting waiting;
  world.resolver->resolve("192.0.2.7", waiting.waiter);
  EXPECT_EQ(waiting.calls, 0);  // never inside resolve()
  world.run();
  EXPECT_EQ(waiting.addresses, Texts{"192.0.2.7"});
  EXPECT_TRUE(world.dns->asked.empty());
}

TEST(Resolver, OneLookupForAllWhoAsk) {
  ResolverWorld world;
  Waiting waiting[5];
  for (auto& one : waiting) world.resolver->resolve("A.Test", one.waiter);
  EXPECT_EQ(cached(world, "a.test"), Texts{});
  EXPECT_EQ(world.dns->asked, Texts{"A a.test"});
  world.dns->answer({"10.0.0.2", "10.0.0.1", "10.0.0.2"}, 30);
  for (auto& one : waiting) EXPECT_EQ(one.calls, 0);
  world.run();
  for (auto& one : waiting) {
    EXPECT_EQ(one.calls, 1);
    EXPECT_EQ(one.addresses, (Texts{"10.0.0.1", "10.0.0.2"}));
  }
  EXPECT_EQ(cached(world, "a.TEST"), (Texts{"10.0.0.1", "10.0.0.2"}));
}

TEST(Resolver, GivingUpWaitingIsDestruction) {
  ResolverWorld world;
  auto early = std::make_unique<Waiting>();
  auto late = std::make_unique<Waiting>();
  world.resolver->resolve("a.test", early->waiter);
  world.resolver->resolve("a.test", late->waiter);
  early.reset();
  world.dns->answer({"10.0.0.1"}, 30);
  late.reset();  // between the answer and the call
  world.run();
  EXPECT_EQ(cached(world, "a.test"), Texts{"10.0.0.1"});
}

TEST(Resolver, NamesInUseAreAskedAgainBeforeTheirTtlIsOver) {
  ResolverWorld world;
  cached(world, "a.test");
  world.dns->answer({"10.0.0.1"}, 20);
  const auto host = world.resolver->follow("a.test");
  for (int round = 0; round < 10; ++round) {
    world.advance_ms(15'900);
    EXPECT_EQ(world.dns->open(), 0u);  // not before 80 % of the TTL
    EXPECT_EQ(host->state(), HostState::kFresh);
    world.advance_ms(3'200);
    ASSERT_EQ(world.dns->open(), 1u);  // by 95 % of it
    EXPECT_EQ(host->state(), HostState::kFresh);
    world.resolver->touch(*host);
    world.dns->answer({"10.0.0.1"}, 20);
  }
}

TEST(Resolver, RefreshesAreSpread) {
  ResolverWorld world;
  std::vector<base::Ref<ResolvedHost>> hosts;
  for (int i = 0; i < 200; ++i) {
    hosts.push_back(world.resolver->follow("n" + std::to_string(i) + ".test"));
    world.dns->answer({"10.0.0.1"}, 100);
  }
  std::set<std::size_t> counts;
  for (int i = 0; i < 15; ++i) {
    world.advance_ms(i == 0 ? 80'000 : 1000);
    counts.insert(world.dns->open());
  }
  EXPECT_GT(counts.size(), 8u);
}

TEST(Resolver, ValidOverridesTheTtlAndTtlIsBounded) {
  ResolverConfig config;
  config.valid_ms = 5000;
  ResolverWorld world(config);
  cached(world, "a.test");
  world.dns->answer({"10.0.0.1"}, 86400);
  EXPECT_EQ(*world.status_of("a.test").ttl_left_ms, 5000);

  ResolverWorld plain;
  cached(plain, "zero.test");
  plain.dns->answer({"10.0.0.1"}, 0);
  EXPECT_EQ(*plain.status_of("zero.test").ttl_left_ms, 1000);
  cached(plain, "long.test");
  plain.dns->answer({"10.0.0.1"}, 0x7fffffff);
  EXPECT_EQ(*plain.status_of("long.test").ttl_left_ms, 86'400'000);
}

TEST(Resolver, StaleAddressesAreServedWhileTheServersFailAndAnAnswerEndsIt) {
  ResolverWorld world;
  const auto host = world.resolver->follow("a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  std::size_t failures = 0;
  for (int second = 0; second < 600; ++second) {
    world.advance_ms(1000);
    ASSERT_EQ(cached(world, "a.test"), Texts{"10.0.0.1"}) << "after " << second << " s";
    for (; world.dns->open() > 0; ++failures) world.dns->fail(DnsReply::Kind::kFailed);
  }
  EXPECT_EQ(host->state(), HostState::kStale);
  EXPECT_GT(failures, 90u);   // it keeps asking
  EXPECT_LT(failures, 180u);  // but not in a frenzy
  EXPECT_EQ(world.status_of("a.test").failures, failures);
  EXPECT_EQ(world.status_of("a.test").error, "failed");
  world.advance_ms(6000);
  world.dns->answer({"10.0.0.2"}, 10);
  EXPECT_EQ(host->state(), HostState::kFresh);
  EXPECT_EQ(cached(world, "a.test"), Texts{"10.0.0.2"});
  EXPECT_EQ(host->error(), "");
}

TEST(Resolver, StaleAddressesHaveABoundedAge) {
  ResolverConfig config;
  config.stale_max_ms = 60'000;
  ResolverWorld world(config);
  const auto host = world.resolver->follow("a.test");
  Watching watching;
  world.resolver->subscribe_all(watching.subscription);
  world.dns->answer({"10.0.0.1"}, 10);
  world.run();
  const auto live = [&](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      world.advance_ms(1000);
      cached(world, "a.test");
      if (world.dns->open() > 0) world.dns->fail(DnsReply::Kind::kTimeout);
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
  world.advance_ms(6000);
  world.dns->answer({"10.0.0.1"}, 10);
  EXPECT_TRUE(host->is_usable());
}

TEST(Resolver, ALookupThatHangsLeavesTheAddressesInUse) {
  ResolverConfig config;
  config.stale_max_ms = 60'000;
  ResolverWorld world(config);
  const auto host = world.resolver->follow("a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  for (int second = 0; second < 60; ++second) {
    world.advance_ms(1000);
    ASSERT_EQ(cached(world, "a.test"), Texts{"10.0.0.1"});
  }
  EXPECT_EQ(host->state(), HostState::kStale);
  EXPECT_EQ(world.dns->asked.size(), 2u);
  world.advance_ms(11'000);
  EXPECT_EQ(host->state(), HostState::kFailed);
  world.dns->answer({"10.0.0.5"}, 10);
  EXPECT_EQ(cached(world, "a.test"), Texts{"10.0.0.5"});
}

TEST(Resolver, NoSuchNameIsAnAnswer) {
  ResolverWorld world;
  const auto host = world.resolver->follow("a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  world.advance_ms(9600);
  world.dns->fail(DnsReply::Kind::kNoName);
  EXPECT_EQ(host->state(), HostState::kFailed);
  EXPECT_EQ(cached(world, "a.test"), Texts{});
  Waiting waiting;
  world.resolver->resolve(*host, waiting.waiter);
  world.run();
  EXPECT_EQ(waiting.calls, 1);  // at once: nobody waits for a name that is known to be bad
  EXPECT_FALSE(waiting.usable);
  EXPECT_EQ(world.dns->open(), 0u);
  world.advance_ms(6100);
  EXPECT_EQ(world.dns->open(), 1u);
  world.dns->answer({"10.0.0.1"}, 10);
  EXPECT_TRUE(host->is_usable());
}

TEST(Resolver, FirstLookupFailsAndRecovers) {
  ResolverWorld world;
  Waiting waiting;
  world.resolver->resolve("a.test", waiting.waiter);
  world.dns->fail(DnsReply::Kind::kTimeout);
  world.run();
  EXPECT_EQ(waiting.calls, 1);
  EXPECT_FALSE(waiting.usable);
  EXPECT_EQ(world.status_of("a.test").error, "timeout");
  EXPECT_GE(*world.status_of("a.test").next_try_ms, 800u);
  EXPECT_LE(*world.status_of("a.test").next_try_ms, 1200u);
  world.advance_ms(1300);
  EXPECT_EQ(world.dns->open(), 1u);
  world.dns->answer({"10.0.0.1"}, 10);
  EXPECT_EQ(cached(world, "a.test"), Texts{"10.0.0.1"});
}

TEST(Resolver, TheSecondTypeIsAskedWhenTheFirstHasNoRecords) {
  ResolverWorld world;
  Waiting waiting;
  world.resolver->resolve("v6.test", waiting.waiter);
  world.dns->fail(DnsReply::Kind::kNoRecords);
  world.dns->answer({"2001:db8::1"}, 10);
  world.run();
  EXPECT_EQ(waiting.addresses, Texts{"2001:db8::1"});
  EXPECT_EQ(world.dns->asked, (Texts{"A v6.test", "AAAA v6.test"}));
  // What answered is asked first the next time.
  world.advance_ms(9600);
  EXPECT_EQ(world.dns->asked.back(), "AAAA v6.test");
  world.dns->fail(DnsReply::Kind::kNoRecords);
  EXPECT_EQ(world.dns->asked.back(), "A v6.test");
}

TEST(Resolver, OrderAndIpv6AreConfigurable) {
  ResolverConfig config;
  config.order = {DnsType::kAaaa, DnsType::kA};
  ResolverWorld first(config);
  cached(first, "a.test");
  EXPECT_EQ(first.dns->asked, Texts{"AAAA a.test"});
  config.enable_ipv6 = false;
  ResolverWorld without(config);
  cached(without, "a.test");
  EXPECT_EQ(without.dns->asked, Texts{"A a.test"});
  without.dns->fail(DnsReply::Kind::kNoRecords);
  EXPECT_EQ(without.dns->open(), 0u);
}

TEST(Resolver, ChangesAreToldToSubscribers) {
  ResolverWorld world;
  Watching one;
  Watching all;
  auto gone = std::make_unique<Watching>();
  world.resolver->subscribe_all(all.subscription);
  world.resolver->subscribe("a.test", one.subscription);
  world.resolver->subscribe("a.test", gone->subscription);
  world.dns->answer({"10.0.0.1", "10.0.0.2"}, 10);
  EXPECT_TRUE(one.names.empty());  // from the ready queue only
  world.run();
  EXPECT_EQ(one.now, (Texts{"10.0.0.1", "10.0.0.2"}));
  EXPECT_TRUE(one.vanished.empty());
  gone.reset();
  cached(world, "b.test");
  world.dns->answer({"10.0.9.9"}, 300);
  world.run();
  world.advance_ms(9600);
  world.dns->answer({"10.0.0.3", "10.0.0.2"}, 10);
  world.run();
  EXPECT_EQ(one.vanished, Texts{"10.0.0.1"});
  EXPECT_EQ(one.now, (Texts{"10.0.0.2", "10.0.0.3"}));
  EXPECT_EQ(all.names, (Texts{"a.test", "b.test", "a.test"}));
  // The same addresses in another order are no change.
  cached(world, "a.test");
  world.advance_ms(9600);
  world.dns->answer({"10.0.0.2", "10.0.0.3"}, 10);
  world.run();
  EXPECT_EQ(one.names.size(), 2u);
}

TEST(Resolver, ASubscriberMayDestroyAnotherAndAskTheResolver) {
  ResolverWorld world;
  struct Cascade {
    ResolverWorld& world;
    std::unique_ptr<Watching> victim = std::make_unique<Watching>();
    HostSubscription subscription{[](void* self, const ResolvedHost&, std::span<const base::IpAddress>) {
                                    auto* cascade = static_cast<Cascade*>(self);
                                    cascade->victim.reset();
                                    cascade->world.resolver->find_cached("192.0.2.1");
                                  },
                                  this};
  } cascade{world};
  world.resolver->subscribe_all(cascade.subscription);
  world.resolver->subscribe_all(cascade.victim->subscription);
  Watching last;
  world.resolver->subscribe_all(last.subscription);
  cached(world, "a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  world.run();
  EXPECT_EQ(cascade.victim, nullptr);
  EXPECT_EQ(last.names, (Texts{"a.test", "192.0.2.1"}));
}

TEST(Resolver, NamesNotUsedAreForgotten) {
  ResolverWorld world;
  cached(world, "a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  cached(world, "192.0.2.1");
  cached(world, "localhost");
  const auto kept = world.resolver->follow("kept.test");
  world.dns->answer({"10.0.0.2"}, 10);
  EXPECT_EQ(world.resolver->status().size(), 4u);
  for (int i = 0; i < 200; ++i) {
    world.advance_ms(1000);
    while (world.dns->open() > 0) world.dns->answer({"10.0.0.1"}, 10);
  }
  ASSERT_EQ(world.resolver->status().size(), 1u);
  EXPECT_EQ(world.resolver->status()[0].name, "kept.test");
  EXPECT_EQ(world.resolver->status()[0].state, "expired");
  EXPECT_EQ(world.resolver->status()[0].users, 1u);
}

TEST(Resolver, AnExpiredNameIsServedOnlyWhenTheServersFail) {
  ResolverWorld world;
  const auto host = world.resolver->follow("a.test");
  world.dns->answer({"10.0.0.1"}, 10);
  for (int i = 0; i < 120; ++i) {
    world.advance_ms(1000);
    while (world.dns->open() > 0) world.dns->answer({"10.0.0.1"}, 10);
  }
  EXPECT_EQ(host->state(), HostState::kExpired);
  EXPECT_EQ(cached(world, "a.test"), Texts{});
  Waiting waiting;
  world.resolver->resolve(*host, waiting.waiter);
  world.run();
  EXPECT_EQ(waiting.calls, 0);
  world.dns->fail(DnsReply::Kind::kTimeout);
  world.run();
  EXPECT_TRUE(waiting.usable);
  EXPECT_EQ(waiting.addresses, Texts{"10.0.0.1"});
  EXPECT_EQ(host->state(), HostState::kStale);
}

TEST(Resolver, NumberOfNamesIsBounded) {
  ResolverConfig config;
  config.hosts_max = 3;
  ResolverWorld world(config);
  const auto a = world.resolver->follow("a.test");
  const auto b = world.resolver->follow("b.test");
  cached(world, "c.test");
  const auto d = world.resolver->follow("d.test");  // takes the place of c.test
  EXPECT_TRUE(d);
  EXPECT_FALSE(world.resolver->follow("e.test"));
  Waiting waiting;
  EXPECT_FALSE(world.resolver->resolve("f.test", waiting.waiter));
  EXPECT_TRUE(world.resolver->resolve("A.test", waiting.waiter));
  EXPECT_EQ(world.resolver->status().size(), 3u);
}

TEST(Resolver, WhatIsNoNameIsNotAsked) {
  ResolverWorld world;
  for (const std::string& name :
       {std::string(""), std::string("."), std::string("a..b"), std::string("a b.test"),
        std::string(64, 'x') + ".test", std::string(300, 'a')}) {
    Waiting waiting;
    ASSERT_TRUE(world.resolver->resolve(name, waiting.waiter));
    world.run();
    EXPECT_EQ(waiting.calls, 1) << name;
    EXPECT_FALSE(waiting.usable) << name;
  }
  EXPECT_TRUE(world.dns->asked.empty());
}

TEST(Resolver, HostsFileComesFirstAndIsReadAgainWhenItChanges) {
  ResolverWorld world;
  Watching watching;
  world.resolver->subscribe("app.test", watching.subscription);
  world.dns->answer({"10.0.0.1"}, 300);
  world.run();
  world.folder.write("hosts", "10.1.1.1 app.test other.test\n");
  world.advance_ms(5100);
  EXPECT_EQ(cached(world, "app.test"), Texts{"10.1.1.1"});
  EXPECT_EQ(cached(world, "OTHER.test"), Texts{"10.1.1.1"});
  EXPECT_EQ(watching.vanished, Texts{"10.0.0.1"});
  EXPECT_EQ(world.status_of("app.test").origin, "hosts");
  world.folder.write("hosts", "10.1.1.2 app.test\n");
  world.advance_ms(5100);
  EXPECT_EQ(cached(world, "app.test"), Texts{"10.1.1.2"});
  // The line goes away: DNS decides, and until it has, the old address stays.
  world.folder.write("hosts", "");
  world.advance_ms(5100);
  EXPECT_EQ(cached(world, "app.test"), Texts{"10.1.1.2"});
  while (world.dns->open() > 0) world.dns->answer({"10.0.0.9"}, 300);
  EXPECT_EQ(cached(world, "app.test"), Texts{"10.0.0.9"});
  EXPECT_EQ(cached(world, "localhost"), Texts{"127.0.0.1"});
}

TEST(Resolver, ALookupUnderWayIsSettledByTheHostsFile) {
  ResolverWorld world;
  Waiting waiting;
  world.resolver->resolve("app.test", waiting.waiter);
  world.folder.write("hosts", "10.1.1.1 app.test\n");
  world.advance_ms(5100);
  EXPECT_EQ(waiting.addresses, Texts{"10.1.1.1"});
  EXPECT_EQ(world.dns->open(), 0u);
}

TEST(Resolver, SearchDomainsAndNameServersComeFromResolvConf) {
  ResolverWorld world;
  ASSERT_EQ(world.dns->servers.size(), 1u);
  EXPECT_EQ(world.dns->servers[0].address.to_string(), "192.0.2.53");
  world.folder.write("resolv.conf", "nameserver 192.0.2.54\nsearch prod.svc test\noptions ndots:2\n");
  world.advance_ms(5100);
  EXPECT_EQ(world.dns->servers[0].address.to_string(), "192.0.2.54");
  cached(world, "db.east");
  world.dns->fail(DnsReply::Kind::kNoName);
  world.dns->answer({"10.0.0.1"}, 10);
  EXPECT_EQ(world.dns->asked, (Texts{"A db.east.prod.svc", "A db.east.test"}));
  cached(world, "a.b.c");
  EXPECT_EQ(world.dns->asked.back(), "A a.b.c");

  ResolverConfig config;
  config.nameservers = {*parse_name_server("127.0.0.1:1053")};
  config.enable_search = false;
  ResolverWorld fixed(config);
  EXPECT_EQ(fixed.dns->servers[0].port, 1053);
  fixed.folder.write("resolv.conf", "nameserver 192.0.2.54\nsearch prod.svc\n");
  fixed.advance_ms(5100);
  EXPECT_EQ(fixed.dns->servers[0].port, 1053);
  cached(fixed, "db");
  EXPECT_EQ(fixed.dns->asked, Texts{"A db"});
}

TEST(Resolver, NewNameServersAreTriedAtOnceForFailedNames) {
  ResolverWorld world;
  cached(world, "a.test");
  for (int i = 0; i < 8; ++i) {
    if (world.dns->open() > 0) world.dns->fail(DnsReply::Kind::kFailed);
    world.advance_ms(1000);
    cached(world, "a.test");
  }
  if (world.dns->open() > 0) world.dns->fail(DnsReply::Kind::kFailed);
  const auto asked = world.dns->asked.size();
  world.folder.write("resolv.conf", "nameserver 192.0.2.54\n");
  world.advance_ms(2100);  // the file is looked at every 5 s, the retry would come after 4 s at the soonest
  EXPECT_EQ(world.dns->asked.size(), asked + 1);
}

TEST(Resolver, StatusShowsEveryName) {
  ResolverWorld world;
  const auto kept = world.resolver->follow("b.test");
  world.dns->answer({"10.0.0.1"}, 30);
  cached(world, "a.test");
  cached(world, "192.0.2.1");
  world.advance_ms(1000);
  const auto rows = world.resolver->status();
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
  auto world = std::make_unique<ResolverWorld>();
  Waiting waiting;
  Watching watching;
  Watching all;
  world->resolver->resolve("a.test", waiting.waiter);
  world->resolver->subscribe("a.test", watching.subscription);
  world->resolver->subscribe_all(all.subscription);
  auto host = world->resolver->follow("a.test");
  world->resolver.reset();
  world->timers.advance(world->timers.now_ms() + 100'000);
  world->run();
  EXPECT_EQ(waiting.calls, 0);
  EXPECT_EQ(host->name(), "a.test");
  host = nullptr;
}

}  // namespace
}  // namespace apisix::resolve
