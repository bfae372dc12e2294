#include "worker/upstream/balance/ewma.h"

#include <gtest/gtest.h>

#include "tests/unit/worker/upstream/balance/fixtures.h"

namespace apisix::upstream {
namespace {

constexpr std::uint64_t kSecondUs = 1'000'000;

class EwmaTest : public testing::Test {
 protected:
  base::Random random_{9};
};

// after() of count_picks() has now_us 0 and would be a measurement: use failed ones instead.
std::map<NodeIndex, int> choices(Ewma& picker, std::uint64_t now_us, int picks,
                                 const TriedSet* tried = nullptr) {
  std::map<NodeIndex, int> counts;
  for (int i = 0; i < picks; ++i) ++counts[picker.pick({.tried = tried, .now_us = now_us})];
  return counts;
}

TEST_F(EwmaTest, TheFasterOfTwoIsChosen) {
  Ewma picker(entries_of({1, 1}), random_);
  picker.after(0, {.latency_us = 5000, .now_us = kSecondUs});
  picker.after(1, {.latency_us = 1000, .now_us = kSecondUs});
  EXPECT_EQ(choices(picker, 2 * kSecondUs, 50), (std::map<NodeIndex, int>{{1, 50}}));
}

TEST_F(EwmaTest, AnUnmeasuredNodeComesBeforeAMeasuredOne) {
  Ewma picker(entries_of({1, 1}), random_);
  picker.after(0, {.latency_us = 1, .now_us = kSecondUs});
  EXPECT_EQ(choices(picker, 2 * kSecondUs, 20), (std::map<NodeIndex, int>{{1, 20}}));
}

TEST_F(EwmaTest, LatencyDecaysWithoutTraffic) {
  Ewma picker(entries_of({1, 1}), random_);
  picker.after(0, {.latency_us = 5000, .now_us = kSecondUs});
  // Kept warm: the other one is ten times as fast, but measured just now.
  picker.after(1, {.latency_us = 500, .now_us = 40 * kSecondUs});
  EXPECT_EQ(choices(picker, 40 * kSecondUs, 20), (std::map<NodeIndex, int>{{0, 20}}));
}

TEST_F(EwmaTest, AverageOfMeasurements) {
  auto entries = entries_of({1});
  Ewma picker(entries, random_);
  picker.after(0, {.latency_us = 1000, .now_us = 100 * kSecondUs});
  EXPECT_DOUBLE_EQ(entries[0].load->ewma_us, 1000);
  picker.after(0, {.latency_us = 2000, .now_us = 110 * kSecondUs});  // one decay time: e^-1
  EXPECT_NEAR(entries[0].load->ewma_us, 1000 * 0.36788 + 2000 * 0.63212, 1);
  picker.after(0, {.failed = true, .latency_us = 9, .now_us = 120 * kSecondUs});
  EXPECT_EQ(entries[0].load->touched_us, 110 * kSecondUs);
  picker.after(0, {.latency_us = 7000, .now_us = 171 * kSecondUs});  // 61 s later: from scratch
  EXPECT_DOUBLE_EQ(entries[0].load->ewma_us, 7000);
}

TEST_F(EwmaTest, OfManyTheSlowestIsNeverChosenAndAllOthersAre) {
  Ewma picker(entries_of({1, 1, 1, 1, 0}), random_);
  for (NodeIndex i = 0; i < 4; ++i) picker.after(i, {.latency_us = 1000 * (i + 1), .now_us = kSecondUs});
  const auto counts = choices(picker, kSecondUs, 6000);
  // Pairs of four: the fastest is in 3 of 6, the second wins 2 of 6, the third 1 of 6.
  EXPECT_NEAR(counts.at(0), 3000, 200);
  EXPECT_NEAR(counts.at(1), 2000, 200);
  EXPECT_NEAR(counts.at(2), 1000, 200);
  EXPECT_FALSE(counts.contains(3));
  EXPECT_FALSE(counts.contains(4));
}

TEST_F(EwmaTest, TriedNodesAreLeftOut) {
  Ewma picker(entries_of({1, 1, 1, 1}), random_);
  TriedSet tried = tried_of({1, 0});
  const auto counts = choices(picker, kSecondUs, 2000, &tried);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_NEAR(counts.at(2), 1000, 150);
  tried.mark(3);
  EXPECT_EQ(choices(picker, kSecondUs, 5, &tried), (std::map<NodeIndex, int>{{2, 5}}));
  tried.mark(2);
  EXPECT_EQ(choices(picker, kSecondUs, 1, &tried), (std::map<NodeIndex, int>{{kNoNode, 1}}));
}

TEST_F(EwmaTest, StateSurvivesANewPicker) {
  auto entries = entries_of({1, 1, 1});
  Ewma old_picker({entries[0], entries[1]}, random_);
  old_picker.after(0, {.latency_us = 9000, .now_us = kSecondUs});
  Ewma picker({entries[0], entries[2]}, random_);
  picker.after(2, {.latency_us = 100, .now_us = kSecondUs});
  EXPECT_EQ(choices(picker, kSecondUs, 20), (std::map<NodeIndex, int>{{2, 20}}));
}

}  // namespace
}  // namespace apisix::upstream
