#include <gtest/gtest.h>

#include "shared/memory/lease_table.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/window_table.h"

namespace apisix::memory {
namespace {

constexpr std::size_t kBytes = 1 << 20;
constexpr std::uint64_t kNow = 1'000'000;

TEST(RateTable, BurstThenRefusedThenLeaksOut) {
  auto rates = std::move(*RateTable::create("test", kBytes));
  for (int i = 0; i <= 2; ++i) {
    const auto verdict = rates.take("key", 10, 2, true, kNow);
    EXPECT_TRUE(verdict.is_granted);
    EXPECT_DOUBLE_EQ(verdict.excess, i);
  }
  EXPECT_FALSE(rates.take("key", 10, 2, true, kNow).is_granted);
  EXPECT_FALSE(rates.take("key", 10, 2, true, kNow + 99).is_granted) << "a refused one did not count";
  EXPECT_TRUE(rates.take("key", 10, 2, true, kNow + 100).is_granted);
  EXPECT_DOUBLE_EQ(rates.take("key", 10, 2, true, kNow + 100'000).excess, 0) << "forgotten";
}

TEST(RateTable, LookingDoesNotCount) {
  auto rates = std::move(*RateTable::create("test", kBytes));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(rates.take("key", 1, 0, false, kNow).is_granted);
  EXPECT_TRUE(rates.take("key", 1, 0, true, kNow).is_granted);
  EXPECT_FALSE(rates.take("key", 1, 0, false, kNow).is_granted);
  rates.give_back("key", kNow);
  EXPECT_TRUE(rates.take("key", 1, 1, true, kNow).is_granted);
}

TEST(RateTable, ClockOfAnotherWorkerMayBeBehind) {
  auto rates = std::move(*RateTable::create("test", kBytes));
  EXPECT_TRUE(rates.take("key", 10, 1, true, kNow + 50).is_granted);
  const auto verdict = rates.take("key", 10, 1, true, kNow);
  EXPECT_TRUE(verdict.is_granted);
  EXPECT_DOUBLE_EQ(verdict.excess, 1);
}

TEST(WindowTable, WindowBeforeCountsForWhatIsStillCovered) {
  auto windows = std::move(*WindowTable::create("test", kBytes));
  constexpr std::uint64_t kWindow = 1000;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(windows.take("key", 1, 10, kWindow, kNow).is_granted);
  EXPECT_FALSE(windows.take("key", 1, 10, kWindow, kNow + 500).is_granted);
  // At 250 ms of the next one, three quarters of the ten still count.
  int granted = 0;
  for (int i = 0; i < 10; ++i) granted += windows.take("key", 1, 10, kWindow, kNow + 1250).is_granted;
  EXPECT_EQ(granted, 3);
  const auto count = windows.get("key", kWindow, kNow + 1250);
  EXPECT_EQ(count.current, 3);
  EXPECT_EQ(count.previous, 10);
  EXPECT_EQ(count.left_ms, 750u);
  EXPECT_DOUBLE_EQ(count.estimate(kWindow), 10.5);
  EXPECT_TRUE(windows.take("key", 1, 10, kWindow, kNow + 3000).is_granted)
      << "two windows later all is forgotten";
}

TEST(WindowTable, AddCountsAboveTheLimitWhichIsThenCut) {
  auto windows = std::move(*WindowTable::create("test", kBytes));
  EXPECT_EQ(windows.add("key", 50, 1000, kNow).current, 50);
  EXPECT_FALSE(windows.take("key", 1, 10, 1000, kNow).is_granted);
  const auto next = windows.take("key", 1, 10, 1000, kNow + 1500);
  EXPECT_TRUE(next.is_granted) << "of the 50 only 10 count, and of these half";
  EXPECT_EQ(next.previous, 10);
}

TEST(LeaseTable, GrantsUpToTheLimit) {
  auto leases = std::move(*LeaseTable::create("test", kBytes, 4));
  auto first = leases.acquire("key", 2, 0, kNow);
  auto second = leases.acquire("key", 2, 3, kNow);
  EXPECT_EQ(first.outcome, LeaseTable::Outcome::kGranted);
  EXPECT_EQ(second.in_use, 2u);
  const auto third = leases.acquire("key", 2, 1, kNow);
  EXPECT_EQ(third.outcome, LeaseTable::Outcome::kRefused);
  EXPECT_EQ(third.in_use, 2u);
  leases.release(first.lease, 0);
  leases.release(first.lease, 0);
  EXPECT_EQ(leases.in_use("key", kNow), 1u) << "released once";
  leases.release(second.lease, 3);
  EXPECT_EQ(leases.in_use("key", kNow), 0u);
}

TEST(LeaseTable, ReapedProcessGivesBackWhatItHeld) {
  auto leases = std::move(*LeaseTable::create("test", kBytes, 4));
  for (int i = 0; i < 100; ++i) leases.acquire("key" + std::to_string(i % 10), 1000, 1, kNow);
  auto other = leases.acquire("key3", 1000, 2, kNow);
  EXPECT_EQ(leases.return_all(1), 100u);
  EXPECT_EQ(leases.return_all(1), 0u);
  EXPECT_EQ(leases.in_use("key0", kNow), 0u);
  EXPECT_EQ(leases.in_use("key3", kNow), 1u);
  leases.release(other.lease, 2);
  EXPECT_EQ(leases.in_use("key3", kNow), 0u);
}

TEST(LeaseTable, KeyInUseIsNeverEvicted) {
  auto leases = std::move(*LeaseTable::create("test", 1, 4));
  std::vector<LeaseTable::Taken> taken;
  for (int i = 0; i < 16; ++i) taken.push_back(leases.acquire("key" + std::to_string(i), 9, 0, kNow));
  EXPECT_EQ(leases.acquire("one more", 9, 0, kNow).outcome, LeaseTable::Outcome::kNoRoom);
  leases.release(taken[5].lease, 0);
  EXPECT_EQ(leases.acquire("one more", 9, 0, kNow).outcome, LeaseTable::Outcome::kGranted);
  EXPECT_EQ(leases.in_use("key0", kNow), 1u);
}

TEST(LeaseTable, ProcessWithoutALedgerGetsNone) {
  auto leases = std::move(*LeaseTable::create("test", kBytes, 4));
  EXPECT_EQ(leases.acquire("key", 9, 4, kNow).outcome, LeaseTable::Outcome::kNoRoom);
  EXPECT_EQ(leases.in_use("key", kNow), 0u);
}

}  // namespace
}  // namespace apisix::memory
