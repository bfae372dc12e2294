#include "worker/proxy/h2_budget.h"

#include <gtest/gtest.h>

namespace apisix::proxy {
namespace {

constexpr std::uint64_t kNowMs = 1'000'000;

TEST(AllowanceTest, BurstIsTakenAndThenSpent) {
  Allowance allowance(3, 10);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_FALSE(allowance.take(kNowMs));
}

TEST(AllowanceTest, TimeFillsItAgain) {
  Allowance allowance(3, 10);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_FALSE(allowance.take(kNowMs + 99));
  EXPECT_TRUE(allowance.take(kNowMs + 100));
  EXPECT_FALSE(allowance.take(kNowMs + 100));
}

TEST(AllowanceTest, NeverHoldsMoreThanTheBurst) {
  Allowance allowance(3, 10);
  EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_TRUE(allowance.take(kNowMs));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.take(kNowMs + 60'000)) << i;
  EXPECT_FALSE(allowance.take(kNowMs + 60'000));
}

TEST(AllowanceTest, UseAddsToIt) {
  Allowance allowance(4, 0);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(allowance.take(kNowMs));
  allowance.add(2);
  EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_TRUE(allowance.take(kNowMs));
  EXPECT_FALSE(allowance.take(kNowMs));
  allowance.add(100);
  EXPECT_EQ(allowance.left(), 4U);
}

TEST(EndedStreamsTest, LastOnesAreKnown) {
  EndedStreams ended;
  for (std::int32_t id = 1; id < 1000; id += 2) ended.add(id);
  EXPECT_TRUE(ended.has(999));
  EXPECT_TRUE(ended.has(999 - 2 * (static_cast<std::int32_t>(limits::kH2StreamsMax) - 1)));
  EXPECT_FALSE(ended.has(1));
  EXPECT_FALSE(ended.has(1001));
}

}  // namespace
}  // namespace apisix::proxy
