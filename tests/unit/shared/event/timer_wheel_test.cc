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

}  // namespace
}  // namespace apisix::event
