#include "shared/event/timer_wheel.h"

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::event {
namespace {

struct Probe {
  explicit Probe(TimerWheel& wheel)
      : timer(
            wheel, [](void* self) { static_cast<Probe*>(self)->fired_at = static_cast<Probe*>(self)->now(); },
            this),
        wheel(wheel) {}
  std::uint64_t now() const { return wheel.now_ms(); }
  Timer timer;
  TimerWheel& wheel;
  std::uint64_t fired_at = 0;
};

TEST(TimerWheel, FiresWithinATickOfItsDeadlineWhateverTheDistance) {
  TimerWheel wheel(1'000'003);
  std::mt19937_64 random(7);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<std::uint64_t> deadlines;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t delay = 1 + random() % (i % 3 == 0 ? 1000 : i % 3 == 1 ? 300'000 : 5'000'000);
    probes.push_back(std::make_unique<Probe>(wheel));
    probes.back()->timer.set_after_ms(delay);
    deadlines.push_back(wheel.now_ms() + delay);
  }
  for (std::uint64_t now = 1'000'003; now < 6'100'000;) {
    const auto wait = wheel.next_delay_ms(now);
    if (!wait) break;
    now += std::max<std::uint64_t>(*wait, 1);
    wheel.advance(now);
  }
  for (std::size_t i = 0; i < probes.size(); ++i) {
    ASSERT_GE(probes[i]->fired_at, deadlines[i]);
    ASSERT_LE(probes[i]->fired_at, deadlines[i] + TimerWheel::kTickMs);
  }
  EXPECT_FALSE(wheel.next_delay_ms(wheel.now_ms()));
}

TEST(TimerWheel, PostponedAgainAndAgainFiresOnceAtTheLastDeadline) {
  TimerWheel wheel(5000);
  Probe probe(wheel);
  for (std::uint64_t now = 5000; now < 65'000; now += 50) {
    wheel.advance(now);
    probe.timer.set_after_ms(60'000);
    ASSERT_EQ(probe.fired_at, 0u);
  }
  wheel.advance(64'950 + 59'999);
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(64'950 + 60'000 + TimerWheel::kTickMs);
  EXPECT_NE(probe.fired_at, 0u);
  EXPECT_FALSE(probe.timer.is_set());
}

TEST(TimerWheel, EarlierDeadlineRelinksAndCancelSilences) {
  TimerWheel wheel(100);
  Probe early(wheel);
  Probe cancelled(wheel);
  early.timer.set_after_ms(10'000);
  early.timer.set_after_ms(20);
  cancelled.timer.set_after_ms(20);
  cancelled.timer.cancel();
  wheel.advance(130);
  EXPECT_NE(early.fired_at, 0u);
  wheel.advance(20'000);
  EXPECT_EQ(cancelled.fired_at, 0u);
}

TEST(TimerWheel, CallbackMayDestroyAnotherTimerOfTheSameSlot) {
  TimerWheel wheel(100);
  auto victim = std::make_unique<Probe>(wheel);
  struct Killer {
    std::unique_ptr<Probe>& victim;
  } killer{victim};
  Timer timer(wheel, [](void* self) { static_cast<Killer*>(self)->victim.reset(); }, &killer);
  victim->timer.set_after_ms(20);
  timer.set_after_ms(20);
  wheel.advance(130);
  EXPECT_EQ(victim, nullptr);
}

// --- deadlines, one at a time

TEST(TimerWheel, FiresAtItsDeadlineAndNotBefore) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(20);
  wheel.advance(1019);
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(1020);
  EXPECT_EQ(probe.fired_at, 1020u);
}

TEST(TimerWheel, FiresOnceForOneSetting) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(20);
  wheel.advance(1025);
  probe.fired_at = 0;
  wheel.advance(100'000);
  EXPECT_EQ(probe.fired_at, 0u);
}

TEST(TimerWheel, ADelayOfZeroFiresInALaterTick) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(0);
  EXPECT_TRUE(probe.timer.is_set());
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(1000 + TimerWheel::kTickMs);
  EXPECT_NE(probe.fired_at, 0u);
}

TEST(TimerWheel, ADelayOfZeroIsSetEvenAtTimeZero) {
  TimerWheel wheel(0);
  Probe probe(wheel);
  probe.timer.set_after_ms(0);
  EXPECT_TRUE(probe.timer.is_set());
  wheel.advance(TimerWheel::kTickMs);
  EXPECT_NE(probe.fired_at, 0u);
}

TEST(TimerWheel, DelaysCountFromTheTimeThatTheLoopTold) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  wheel.set_now(1500);  // a turn that has not advanced yet
  probe.timer.set_after_ms(20);
  wheel.advance(1519);
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(1520);
  EXPECT_NE(probe.fired_at, 0u);
}

TEST(TimerWheel, AStallFiresEverythingThatIsOverdue) {
  TimerWheel wheel(1000);
  std::vector<std::unique_ptr<Probe>> probes;
  for (const std::uint64_t delay : {5, 500, 50'000, 5'000'000}) {
    probes.push_back(std::make_unique<Probe>(wheel));
    probes.back()->timer.set_after_ms(delay);
  }
  wheel.advance(6'000'000);
  for (const auto& probe : probes) EXPECT_EQ(probe->fired_at, 6'000'000u);
}

// 256^3 ticks of 5 ms are 23 hours.
TEST(TimerWheel, FartherThanItReachesStillFiresAtItsDeadline) {
  constexpr std::uint64_t kHourMs = 3'600'000;
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(30 * kHourMs);
  wheel.advance(1000 + 24 * kHourMs);
  EXPECT_EQ(probe.fired_at, 0u);
  EXPECT_TRUE(probe.timer.is_set());
  wheel.advance(1000 + 30 * kHourMs - 1);
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(1000 + 30 * kHourMs + TimerWheel::kTickMs);
  EXPECT_NE(probe.fired_at, 0u);
}

// --- setting, moving, cancelling

TEST(TimerWheel, IsSetUntilItFiresOrIsCancelled) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  EXPECT_FALSE(probe.timer.is_set());
  probe.timer.set_after_ms(20);
  EXPECT_TRUE(probe.timer.is_set());
  probe.timer.cancel();
  EXPECT_FALSE(probe.timer.is_set());
  probe.timer.set_after_ms(20);
  wheel.advance(1025);
  EXPECT_FALSE(probe.timer.is_set());
}

TEST(TimerWheel, CancelledAndSetLaterFiresAtTheLaterDeadline) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(20);
  probe.timer.cancel();
  probe.timer.set_after_ms(100);
  wheel.advance(1095);
  EXPECT_EQ(probe.fired_at, 0u);
  wheel.advance(1100);
  EXPECT_EQ(probe.fired_at, 1100u);
}

TEST(TimerWheel, CancelledAndSetEarlierFiresAtTheEarlierDeadline) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(50'000);
  probe.timer.cancel();
  probe.timer.set_after_ms(20);
  wheel.advance(1020);
  EXPECT_EQ(probe.fired_at, 1020u);
}

TEST(TimerWheel, CancellingWhatIsNotSetIsNothing) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.cancel();
  wheel.advance(10'000);
  EXPECT_EQ(probe.fired_at, 0u);
  EXPECT_FALSE(wheel.next_delay_ms(10'000));
}

TEST(TimerWheel, ADestroyedTimerDoesNotFire) {
  TimerWheel wheel(1000);
  int fired = 0;
  {
    Timer timer(wheel, [](void* count) { ++*static_cast<int*>(count); }, &fired);
    timer.set_after_ms(20);
  }
  EXPECT_FALSE(wheel.next_delay_ms(1000));
  wheel.advance(10'000);
  EXPECT_EQ(fired, 0);
}

// --- callbacks

TEST(TimerWheel, ACallbackMaySetItsOwnTimerAgain) {
  TimerWheel wheel(1000);
  struct Beat {
    explicit Beat(TimerWheel& wheel)
        : timer(
              wheel,
              [](void* self) {
                auto& beat = *static_cast<Beat*>(self);
                ++beat.count;
                beat.timer.set_after_ms(100);
              },
              this) {
      timer.set_after_ms(100);
    }
    Timer timer;
    int count = 0;
  } beat(wheel);
  for (std::uint64_t now = 1000; now <= 2000; now += 5) wheel.advance(now);
  EXPECT_EQ(beat.count, 10);
}

TEST(TimerWheel, ACallbackMayCancelAnotherTimerOfTheSameSlot) {
  TimerWheel wheel(1000);
  struct Pair {
    explicit Pair(TimerWheel& wheel) : first(wheel, &fire, this), second(wheel, &fire, this) {
      first.set_after_ms(20);
      second.set_after_ms(20);
    }
    static void fire(void* self) {
      auto& pair = *static_cast<Pair*>(self);
      ++pair.fired;
      pair.first.cancel();
      pair.second.cancel();
    }
    Timer first;
    Timer second;
    int fired = 0;
  } pair(wheel);
  wheel.advance(1100);
  EXPECT_EQ(pair.fired, 1);
}

TEST(TimerWheel, ACallbackMayDestroyItsOwnTimer) {
  TimerWheel wheel(1000);
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(
      wheel, [](void* owner) { static_cast<std::unique_ptr<Timer>*>(owner)->reset(); }, &timer);
  timer->set_after_ms(20);
  wheel.advance(1100);
  EXPECT_EQ(timer, nullptr);
}

// --- how long the loop may sleep

TEST(TimerWheel, WithoutATimerTheLoopMaySleepAsLongAsItLikes) {
  const TimerWheel wheel(1000);
  EXPECT_FALSE(wheel.next_delay_ms(1000));
}

TEST(TimerWheel, TheLoopSleepsUntilTheNextDeadline) {
  TimerWheel wheel(1000);
  Probe late(wheel);
  Probe early(wheel);
  late.timer.set_after_ms(500);
  early.timer.set_after_ms(20);
  EXPECT_EQ(wheel.next_delay_ms(1000), 20u);
  EXPECT_EQ(wheel.next_delay_ms(1015), 5u);
  EXPECT_EQ(wheel.next_delay_ms(1030), 0u);  // overdue
}

TEST(TimerWheel, TheLoopNeverSleepsBeyondAFarDeadline) {
  TimerWheel wheel(1000);
  Probe probe(wheel);
  probe.timer.set_after_ms(400'000);
  std::uint64_t now = 1000;
  while (probe.fired_at == 0) {
    const auto delay = wheel.next_delay_ms(now);
    ASSERT_TRUE(delay);
    ASSERT_LE(now + *delay, 401'000u);
    now += std::max<std::uint64_t>(*delay, 1);
    wheel.advance(now);
  }
  EXPECT_EQ(probe.fired_at, 401'000u);
}

}  // namespace
}  // namespace apisix::event
