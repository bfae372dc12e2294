#include "master/backoff.h"

#include <gtest/gtest.h>

namespace apisix::master {
namespace {

TEST(Backoff, FirstDeathRestartsAtOnceThenTheDelayDoublesUpToItsLimit) {
  Backoff backoff;
  for (const std::uint64_t expected : {0, 100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}) {
    EXPECT_EQ(backoff.next_delay_ms(5, false), expected);
  }
  for (int i = 0; i < 200; ++i) EXPECT_EQ(backoff.next_delay_ms(5, false), Backoff::kDelayMaxMs);
  EXPECT_EQ(backoff.deaths(), 210);
}

TEST(Backoff, WhatHasServedIsNotKeptWaitingForLong) {
  Backoff backoff;
  for (const std::uint64_t expected : {0, 100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(backoff.next_delay_ms(5, true), expected);
  }
}

TEST(Backoff, LongLifeIsTrustedAgain) {
  Backoff backoff;
  for (int i = 0; i < 5; ++i) backoff.next_delay_ms(0, false);
  EXPECT_EQ(backoff.next_delay_ms(Backoff::kTrustedAfterMs, true), 0u);
  EXPECT_EQ(backoff.deaths(), 1);
  EXPECT_EQ(backoff.next_delay_ms(Backoff::kTrustedAfterMs - 1, true), 100u);
}

}  // namespace
}  // namespace apisix::master
