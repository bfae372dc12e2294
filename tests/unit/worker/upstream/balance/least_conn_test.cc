#include "worker/upstream/balance/least_conn.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/unit/worker/upstream/balance/fixtures.h"

namespace apisix::upstream {
namespace {

TEST(LeastConn, SmallestActivePlusOneByWeight) {
  LeastConn picker(entries_of({3, 2}));
  EXPECT_EQ(picker.pick({}), 0u);  // 1/3 < 1/2
  EXPECT_EQ(picker.pick({}), 1u);  // 2/3 > 1/2
  EXPECT_EQ(picker.pick({}), 0u);  // 2/3 < 2/2
  EXPECT_EQ(picker.pick({}), 1u);  // 3/3 = 2/2, and its last turn is longer ago
}

TEST(LeastConn, IdleNodesOfEqualWeightTakeTurns) {
  LeastConn picker(entries_of({1, 1, 1}));
  EXPECT_EQ(count_picks(picker, 9), (std::map<NodeIndex, int>{{0, 3}, {1, 3}, {2, 3}}));
}

TEST(LeastConn, IdleNodesOfUnequalWeightGoToTheHeaviest) {
  LeastConn picker(entries_of({1, 2}));
  EXPECT_EQ(count_picks(picker, 5), (std::map<NodeIndex, int>{{1, 5}}));
}

TEST(LeastConn, AgreesWithALookAtEveryNode) {
  base::Random random(5);
  std::vector<std::uint32_t> weights;
  weights.reserve(60);
  for (int i = 0; i < 60; ++i) weights.push_back(1 + static_cast<std::uint32_t>(random.below(9)));
  auto entries = entries_of(weights);
  LeastConn picker(entries);
  std::vector<NodeIndex> held;
  for (int step = 0; step < 20000; ++step) {
    if (!held.empty() && random.below(100) < 48) {
      const std::size_t at = random.below(held.size());
      picker.after(held[at], {});
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    TriedSet tried;
    for (std::uint64_t i = random.below(6); i > 0; --i) tried.mark(static_cast<NodeIndex>(random.below(60)));
    double best = 1e18;
    for (const auto& entry : entries) {
      if (!tried.contains(entry.index)) best = std::min(best, (entry.load->active + 1.0) / entry.weight);
    }
    const NodeIndex index = picker.pick({.tried = &tried});
    ASSERT_FALSE(tried.contains(index));
    ASSERT_DOUBLE_EQ(static_cast<double>(entries[index].load->active) / entries[index].weight, best);
    held.push_back(index);
  }
}

TEST(LeastConn, ANewNodeGetsTheNextRequestsAndOldOnesKeepTheirCounts) {
  auto entries = entries_of({1, 1, 1});
  auto old_picker = std::make_unique<LeastConn>(std::vector<PickerEntry>{entries[0], entries[1]});
  for (int i = 0; i < 4; ++i) old_picker->pick({});
  LeastConn picker(entries);
  EXPECT_EQ(picker.pick({}), 2u);
  EXPECT_EQ(picker.pick({}), 2u);
  // Releases on the picker that the requests started with are seen by the new one.
  for (int i = 0; i < 2; ++i) {
    old_picker->after(0, {});
    old_picker->after(1, {});
  }
  EXPECT_NE(picker.pick({}), 2u);
  EXPECT_NE(picker.pick({}), 2u);
}

TEST(LeastConn, AnOldPickerStillChoosesRightly) {
  auto entries = entries_of({1, 1, 1});
  LeastConn old_picker({entries[0], entries[1]});
  {
    LeastConn picker(entries);
    entries[0].load->active = 5;
    EXPECT_EQ(old_picker.pick({}), 1u);
    old_picker.after(1, {});
  }
  EXPECT_EQ(old_picker.pick({}), 1u);
  old_picker.after(1, {});
  entries[0].load->active = 0;
  old_picker.set_usable({});
  EXPECT_EQ(old_picker.pick({}), 0u);
}

TEST(LeastConn, UnusableAndTriedAreNotChosen) {
  LeastConn picker(entries_of({1, 1, 1}));
  picker.set_usable(std::vector<std::uint8_t>{1, 0, 1});
  TriedSet tried = tried_of({0});
  EXPECT_EQ(picker.pick({.tried = &tried}), 2u);
  tried.mark(2);
  EXPECT_EQ(picker.pick({.tried = &tried}), kNoNode);
  picker.set_usable(std::vector<std::uint8_t>{0, 0, 0});
  EXPECT_EQ(picker.pick({}), kNoNode);
}

TEST(LeastConn, AReleaseTooManyIsIgnored) {
  auto entries = entries_of({1, 1});
  LeastConn picker(entries);
  picker.after(0, {});
  picker.after(7, {});
  EXPECT_EQ(entries[0].load->active, 0u);
}

}  // namespace
}  // namespace apisix::upstream
