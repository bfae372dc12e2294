#include "worker/upstream/balance/round_robin.h"

#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "tests/unit/worker/upstream/balance/fixtures.h"

namespace apisix::upstream {
namespace {

using Counts = std::map<NodeIndex, int>;

TEST(RoundRobin, EveryCycleHoldsEachNodeExactlyItsShare) {
  struct Case {
    std::vector<std::uint32_t> weights;
    std::vector<int> per_cycle;
  };
  const std::vector<Case> cases = {
      {{1, 1}, {1, 1}},
      {{1, 1, 1}, {1, 1, 1}},
      {{3, 2, 1}, {3, 2, 1}},
      {{3, 0, 1}, {3, 0, 1}},
      {{100, 50, 25}, {4, 2, 1}},
      {{0, 0}, {1, 1}},
      {{7}, {1}},
      {{1000000, 1000000}, {1, 1}},
      {{5, 1, 1, 1, 9}, {5, 1, 1, 1, 9}},
  };
  for (const auto& test : cases) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      base::Random random(seed);
      RoundRobin picker(entries_of(test.weights), random);
      const int cycle = std::accumulate(test.per_cycle.begin(), test.per_cycle.end(), 0);
      for (int skew = 0; skew < 3; ++skew) {
        const auto counts = count_picks(picker, cycle);
        for (NodeIndex i = 0; i < test.per_cycle.size(); ++i) {
          const auto found = counts.find(i);
          EXPECT_EQ(found == counts.end() ? 0 : found->second, test.per_cycle[i]) << "node " << i;
        }
        picker.pick({});  // any window of a cycle's length, not only aligned ones
      }
    }
  }
}

// The sequence of lua-resty-balancer for a known start: weights 5, 3, 1 with thresholds 5, 4, 3, 2, 1.
TEST(RoundRobin, KeepsTheOrderOfThresholds) {
  base::Random random(1);
  RoundRobin picker(entries_of({5, 3, 1}), random);
  std::string order;
  for (int i = 0; i < 18; ++i) order += static_cast<char>('a' + picker.pick({}));
  // One cycle, wherever it starts: a a ab ab abc.
  EXPECT_NE((order).find("aaababab"), std::string::npos) << order;
  EXPECT_NE((order).find("abcaa"), std::string::npos) << order;
}

TEST(RoundRobin, StartsAnywhere) {
  std::set<NodeIndex> first;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    base::Random random(seed);
    RoundRobin picker(entries_of({1, 1, 1, 1}), random);
    first.insert(picker.pick({}));
  }
  EXPECT_EQ(first.size(), 4u);
}

TEST(RoundRobin, ChoosesNoTriedNodeAndEndsWhenAllAreTried) {
  base::Random random(3);
  RoundRobin picker(entries_of({1000, 1, 1}), random);
  for (int i = 0; i < 50; ++i) {
    const TriedSet one = tried_of({0});
    EXPECT_NE(picker.pick({.tried = &one}), 0u);
    const TriedSet two = tried_of({0, 2});
    EXPECT_EQ(picker.pick({.tried = &two}), 1u);
    const TriedSet all = tried_of({2, 1, 0});
    EXPECT_EQ(picker.pick({.tried = &all}), kNoNode);
  }
}

TEST(RoundRobin, OnlyUsableNodesShareTheTurns) {
  base::Random random(3);
  RoundRobin picker(entries_of({4, 2, 2}), random);
  picker.set_usable(std::vector<std::uint8_t>{0, 1, 1});
  EXPECT_EQ(count_picks(picker, 10), (Counts{{1, 5}, {2, 5}}));
  picker.set_usable(std::vector<std::uint8_t>{1, 0, 0});
  EXPECT_EQ(count_picks(picker, 10), (Counts{{0, 10}}));
  picker.set_usable(std::vector<std::uint8_t>{0, 0, 0});
  EXPECT_EQ(picker.pick({}), kNoNode);
  picker.set_usable({});
  EXPECT_EQ(count_picks(picker, 8), (Counts{{0, 4}, {1, 2}, {2, 2}}));
}

TEST(RoundRobin, WeightZeroIsUsedWhenNothingElseIsUsable) {
  base::Random random(3);
  RoundRobin picker(entries_of({0, 1}), random);
  EXPECT_EQ(count_picks(picker, 5), (Counts{{1, 5}}));
  const TriedSet tried = tried_of({1});
  EXPECT_EQ(picker.pick({.tried = &tried}), kNoNode);
  picker.set_usable(std::vector<std::uint8_t>{1, 0});
  EXPECT_EQ(count_picks(picker, 5), (Counts{{0, 5}}));
}

TEST(RoundRobin, ManyNodesOfManyWeights) {
  base::Random random(11);
  std::vector<std::uint32_t> weights;
  weights.reserve(500);
  int total = 0;
  for (int i = 0; i < 500; ++i) weights.push_back(static_cast<std::uint32_t>(random.below(20)));
  for (const auto weight : weights) total += static_cast<int>(weight);
  RoundRobin picker(entries_of(weights), random);
  const auto counts = count_picks(picker, total);
  for (NodeIndex i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(counts.contains(i) ? static_cast<std::uint32_t>(counts.at(i)) : 0u, weights[i]);
  }
}

TEST(RoundRobin, NoNodes) {
  base::Random random(1);
  RoundRobin picker({}, random);
  EXPECT_EQ(picker.pick({}), kNoNode);
}

}  // namespace
}  // namespace apisix::upstream
