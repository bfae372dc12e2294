// Weighted random, priority levels, and what all balancers promise.
#include "worker/upstream/balance/picker.h"

#include <gtest/gtest.h>
#include <sanitizer/allocator_interface.h>

#include "tests/unit/worker/upstream/balance/fixtures.h"

namespace apisix::upstream {
namespace {

constexpr Balancer kAll[] = {Balancer::kRoundRobin, Balancer::kChash, Balancer::kLeastConn, Balancer::kEwma,
                             Balancer::kRandom};

TEST(Picker, NamesOfBalancers) {
  EXPECT_EQ(parse_balancer("roundrobin"), Balancer::kRoundRobin);
  EXPECT_EQ(parse_balancer("chash"), Balancer::kChash);
  EXPECT_EQ(parse_balancer("least_conn"), Balancer::kLeastConn);
  EXPECT_EQ(parse_balancer("ewma"), Balancer::kEwma);
  EXPECT_EQ(parse_balancer("random"), Balancer::kRandom);
  EXPECT_EQ(parse_balancer("none"), std::nullopt);
  EXPECT_EQ(parse_balancer("Roundrobin"), std::nullopt);
}

TEST(Picker, WeightedRandomFollowsTheWeights) {
  base::Random random(4);
  auto picker = make_picker(Balancer::kRandom, entries_of({1, 0, 3, 6}), random);
  auto counts = count_picks(*picker, 20000);
  EXPECT_NEAR(counts[0], 2000, 200);
  EXPECT_NEAR(counts[2], 6000, 300);
  EXPECT_NEAR(counts[3], 12000, 300);
  EXPECT_EQ(counts.size(), 3u);
  const TriedSet tried = tried_of({2});
  counts = count_picks(*picker, 14000, {.tried = &tried});
  EXPECT_NEAR(counts[0], 2000, 200);
  EXPECT_NEAR(counts[3], 12000, 200);
  EXPECT_EQ(counts.size(), 2u);
}

TEST(Picker, WhatIsPeekedIsPickedNextAndNothingMoves) {
  for (const Balancer kind : kAll) {
    base::Random random(8);
    auto entries = entries_of({3, 1, 2, 5, 4});
    entries[4].priority = -1;
    auto picker = make_picker(kind, entries, random);
    const TriedSet tried = tried_of({1, 3});
    for (int i = 0; i < 200; ++i) {
      const std::string key = std::to_string(i);
      const PickInput input{.hash_key = key, .tried = i % 3 == 0 ? &tried : nullptr, .now_us = 1};
      const NodeIndex peeked = picker->peek(input);
      EXPECT_EQ(picker->peek(input), peeked);
      EXPECT_EQ(picker->pick(input), peeked) << static_cast<int>(kind) << " at " << i;
      if (i % 2 == 0) picker->after(peeked, {.latency_us = 100, .now_us = 1});
    }
  }
}

TEST(Picker, EveryBalancerTriesEveryNodeOnceLevelByLevel) {
  for (const Balancer kind : kAll) {
    base::Random random(6);
    auto entries = entries_of({2, 1, 2, 1, 2, 1});
    const std::int32_t priorities[] = {0, 1, -1, 1, 0, 1};
    for (NodeIndex i = 0; i < entries.size(); ++i) entries[i].priority = priorities[i];
    auto picker = make_picker(kind, entries, random);
    TriedSet tried;
    std::int32_t level = 1;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const NodeIndex index = picker->pick({.hash_key = "key", .tried = &tried});
      ASSERT_NE(index, kNoNode);
      ASSERT_FALSE(tried.contains(index));
      EXPECT_LE(entries[index].priority, level);
      level = entries[index].priority;
      tried.mark(index);
      picker->after(index, {.failed = true});
    }
    EXPECT_EQ(picker->pick({.hash_key = "key", .tried = &tried}), kNoNode);
    for (const auto& entry : entries) EXPECT_EQ(entry.load->active, 0u);
  }
}

TEST(Picker, ALowerLevelServesWhileTheHigherIsUnusable) {
  for (const Balancer kind : kAll) {
    base::Random random(6);
    auto entries = entries_of({2000, 1});
    entries[1].priority = -1;
    auto picker = make_picker(kind, entries, random);
    EXPECT_EQ(picker->pick({.hash_key = "key"}), 0u);
    picker->set_usable(std::vector<std::uint8_t>{0, 1});
    EXPECT_EQ(picker->pick({.hash_key = "key"}), 1u);
    picker->set_usable({});
    EXPECT_EQ(picker->pick({.hash_key = "key"}), 0u);
  }
}

TEST(Picker, NoEntriesGiveNoNode) {
  for (const Balancer kind : kAll) {
    base::Random random(6);
    EXPECT_EQ(make_picker(kind, {}, random)->pick({.hash_key = "key"}), kNoNode);
  }
}

[[maybe_unused]] std::size_t g_allocations = 0;

// Counted by the sanitizer that the unit tests run with.
TEST(Picker, PicksAllocateNothing) {
#if __has_feature(address_sanitizer)
  ASSERT_NE(__sanitizer_install_malloc_and_free_hooks(
                [](const volatile void*, std::size_t) { ++g_allocations; }, [](const volatile void*) {}),
            0);
  for (const Balancer kind : kAll) {
    base::Random random(6);
    auto entries = entries_of(std::vector<std::uint32_t>(300, 3));
    for (NodeIndex i = 0; i < entries.size(); ++i) entries[i].priority = i % 2 == 0 ? 0 : 1;
    const auto picker = make_picker(kind, entries, random);
    const std::size_t before = g_allocations;
    TriedSet tried;
    for (int i = 0; i < 60; ++i) {
      const NodeIndex index = picker->pick({.hash_key = "key", .tried = &tried});
      picker->after(index, {.latency_us = 10, .now_us = 1'000'000});
      tried.mark(index);
    }
    EXPECT_EQ(g_allocations, before);
  }
#else
  GTEST_SKIP() << "needs AddressSanitizer";
#endif
}

TEST(TriedSet, KeepsAtMostItsBound) {
  TriedSet tried;
  for (NodeIndex i = 0; i < 100; ++i) tried.mark(i / 2);
  EXPECT_EQ(tried.size(), 50u);
  for (NodeIndex i = 50; i < 100; ++i) tried.mark(i);
  EXPECT_TRUE(tried.is_full());
  EXPECT_EQ(tried.size(), TriedSet::kTriesMax);
  EXPECT_TRUE(tried.contains(62));
  EXPECT_FALSE(tried.contains(63));
}

}  // namespace
}  // namespace apisix::upstream
