#include "master/pulse.h"

#include <gtest/gtest.h>

namespace apisix::master {
namespace {

TEST(PulseTest, CountsLooksInARowWithoutABeat) {
  Pulse pulse;
  pulse.observe(1);
  EXPECT_FALSE(pulse.is_silent_for(1)) << "a new beat";
  pulse.observe(1);
  EXPECT_FALSE(pulse.is_silent_for(1)) << "one look may fall between two beats";
  pulse.observe(1);
  EXPECT_TRUE(pulse.is_silent_for(2 * Pulse::kCheckMs));
  EXPECT_FALSE(pulse.is_silent_for(3 * Pulse::kCheckMs));
  pulse.observe(2);
  EXPECT_FALSE(pulse.is_silent_for(1));
}

TEST(PulseTest, CountingBeginsAgainForAnotherChild) {
  Pulse pulse;
  for (int i = 0; i < 5; ++i) pulse.observe(7);
  pulse.reset();
  pulse.observe(7);
  EXPECT_FALSE(pulse.is_silent_for(1));
}

TEST(LookTimesTest, LookAfterAStopOrASleepIsNoMeasure) {
  CheckTimes times;
  EXPECT_FALSE(times.is_regular(50'000)) << "the first";
  EXPECT_TRUE(times.is_regular(51'000));
  EXPECT_TRUE(times.is_regular(52'900)) << "a busy machine";
  EXPECT_FALSE(times.is_regular(62'900));
  EXPECT_TRUE(times.is_regular(63'900));
}

}  // namespace
}  // namespace apisix::master
