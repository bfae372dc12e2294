#include "shared/event/timer_wheel.h"

#include <algorithm>
#include <array>
#include <map>
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

// --- more that are due than one turn runs

struct Crowd {
  explicit Crowd(TimerWheel& wheel, std::size_t size, std::uint64_t delay_ms) {
    for (std::size_t i = 0; i < size; ++i) {
      probes.push_back(std::make_unique<Probe>(wheel));
      probes.back()->timer.set_after_ms(delay_ms);
    }
  }
  std::size_t fired() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        probes, [](const auto& probe) { return probe != nullptr && probe->fired_at != 0; }));
  }
  std::vector<std::unique_ptr<Probe>> probes;
};

TEST(TimerWheel, WhatATurnLeavesIsRunByTheNextOnes) {
  constexpr std::size_t kTurn = TimerWheel::kCallbacksPerTurn;
  TimerWheel wheel(1000);
  const Crowd crowd(wheel, 2 * kTurn + 10, 20);
  wheel.advance(1020);
  EXPECT_EQ(crowd.fired(), kTurn);
  EXPECT_EQ(wheel.next_delay_ms(1020), 0u);
  wheel.advance(1020);
  EXPECT_EQ(crowd.fired(), 2 * kTurn);
  wheel.advance(1021);
  EXPECT_EQ(crowd.fired(), crowd.probes.size());
  EXPECT_FALSE(wheel.next_delay_ms(1021));
}

TEST(TimerWheel, AStallIsWorkedOffInTheOrderOfDeadlines) {
  constexpr std::size_t kTurn = TimerWheel::kCallbacksPerTurn;
  TimerWheel wheel(1000);
  const Crowd late(wheel, kTurn, 400'000);
  const Crowd early(wheel, kTurn, 2000);
  wheel.advance(500'000);
  EXPECT_EQ(early.fired(), kTurn);
  EXPECT_EQ(late.fired(), 0u);
  EXPECT_EQ(wheel.next_delay_ms(500'000), 0u);
  for (int turn = 0; turn < 3; ++turn) wheel.advance(500'000);
  EXPECT_EQ(late.fired(), kTurn);
}

TEST(TimerWheel, TimersThatWaitForTheNextTurnCanBeMovedCancelledAndDestroyed) {
  constexpr std::size_t kTurn = TimerWheel::kCallbacksPerTurn;
  TimerWheel wheel(1000);
  Crowd crowd(wheel, kTurn + 4, 20);
  wheel.advance(1020);
  std::vector<std::unique_ptr<Probe>*> left;
  for (auto& probe : crowd.probes) {
    if (probe->fired_at == 0) left.push_back(&probe);
  }
  ASSERT_EQ(left.size(), 4u);
  left[0]->reset();
  (*left[1])->timer.cancel();
  (*left[2])->timer.set_after_ms(50);
  (*left[3])->timer.set_after_ms(50'000);
  wheel.advance(1069);
  EXPECT_EQ(crowd.fired(), kTurn);
  wheel.advance(1070);
  EXPECT_EQ((*left[2])->fired_at, 1070u);
  wheel.advance(51'019);
  EXPECT_EQ(crowd.fired(), kTurn + 1);
  wheel.advance(51'020);
  EXPECT_EQ((*left[3])->fired_at, 51'020u);
  EXPECT_EQ((*left[1])->fired_at, 0u);
}

TEST(TimerWheel, TheLastThatIsDueLeavesAndNothingIsLeft) {
  TimerWheel wheel(1000);
  Crowd crowd(wheel, TimerWheel::kCallbacksPerTurn + 1, 20);
  wheel.advance(1020);
  EXPECT_EQ(wheel.next_delay_ms(1020), 0u);
  std::erase_if(crowd.probes, [](const auto& probe) { return probe->fired_at == 0; });
  wheel.advance(1020);
  EXPECT_FALSE(wheel.next_delay_ms(1020));
}

// --- timers without a callback of their own

struct Client : TimerLink {
  explicit Client(TimerWheel& wheel, Callback callback = &Client::on_timeout)
      : TimerLink(wheel, callback), wheel(wheel) {}
  ~Client() { wheel.remove(*this); }
  static void on_timeout(TimerLink& timer) { ++static_cast<Client&>(timer).timeouts; }
  static void on_other_timeout(TimerLink& timer) { static_cast<Client&>(timer).timeouts += 100; }

  std::uint32_t timeouts = 0;
  TimerWheel& wheel;
};

static_assert(sizeof(TimerLink) == 24 && sizeof(Client) == 40 && sizeof(Timer) == 48);

TEST(TimerLink, IsWhatTheCallbackOfItsKindGets) {
  TimerWheel wheel(1000);
  Client first(wheel);
  Client other(wheel, &Client::on_other_timeout);
  Client second(wheel);
  Probe probe(wheel);
  for (Client* const client : {&first, &other, &second}) wheel.set(*client, 20);
  probe.timer.set_after_ms(20);
  second.cancel();
  EXPECT_TRUE(first.is_set());
  EXPECT_FALSE(second.is_set());
  wheel.advance(1019);
  EXPECT_EQ(first.timeouts, 0u);
  wheel.advance(1020);
  EXPECT_EQ(first.timeouts, 1u);
  EXPECT_EQ(other.timeouts, 100u);
  EXPECT_EQ(second.timeouts, 0u);
  EXPECT_EQ(probe.fired_at, 1020u);
}

TEST(TimerLink, IsOutOfItsWheelWhenItIsRemoved) {
  TimerWheel wheel(1000);
  Client client(wheel);
  wheel.set(client, 20);
  wheel.remove(client);
  EXPECT_FALSE(client.is_set());
  EXPECT_FALSE(wheel.next_delay_ms(1000));
  wheel.set(client, 30);
  wheel.advance(1030);
  EXPECT_EQ(client.timeouts, 1u);
}

TEST(TimerLink, TheLongestDelayIsInTheFuture) {
  TimerWheel wheel(std::uint64_t{1} << 38);  // 8 years
  Client client(wheel);
  wheel.set(client, ~std::uint64_t{0});
  wheel.advance(wheel.now_ms() + 100'000'000);
  EXPECT_TRUE(client.is_set());
  EXPECT_EQ(client.timeouts, 0u);
}

// --- against a plain list of deadlines

// Every timer is set, moved earlier and later, cancelled, and left alone at random; turns come regularly, or
// late by up to six minutes.
class RandomTimers {
 public:
  explicit RandomTimers(std::uint64_t seed) : random_(seed), wheel_(1 + random_() % 10'000'000) {
    for (std::size_t i = 0; i < 100; ++i) clients_.push_back(std::make_unique<Client>(wheel_));
    seen_.resize(clients_.size());
  }

  void move_one() {
    const std::size_t which = random_() % clients_.size();
    if (random_() % 4 == 0) {
      clients_[which]->cancel();
      deadlines_.erase(which);
      return;
    }
    constexpr std::array<std::uint64_t, 5> kRanges{10, 1'000, 10'000, 500'000, 100'000'000};
    const std::uint64_t delay = 1 + random_() % kRanges[random_() % kRanges.size()];
    wheel_.set(*clients_[which], delay);
    deadlines_[which] = wheel_.now_ms() + delay;
  }

  void turn() {
    constexpr std::array<std::uint64_t, 4> kPauses{3, 100, 5'000, 360'000};
    wheel_.advance(wheel_.now_ms() + random_() % kPauses[random_() % kPauses.size()]);
    check();
  }

 private:
  void check() {
    const std::uint64_t now = wheel_.now_ms();
    std::uint64_t first = ~std::uint64_t{0};
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      const bool has_fired = clients_[i]->timeouts != seen_[i];
      seen_[i] = clients_[i]->timeouts;
      const auto deadline = deadlines_.find(i);
      ASSERT_EQ(clients_[i]->is_set(), deadline != deadlines_.end() && !has_fired);
      if (deadline == deadlines_.end()) continue;
      if (has_fired) {
        ASSERT_GE(now, deadline->second);
        deadlines_.erase(deadline);
      } else {
        ASSERT_LT(now, deadline->second + TimerWheel::kTickMs);
        first = std::min(first, deadline->second);
      }
    }
    if (!deadlines_.empty()) ASSERT_LT(now + wheel_.next_delay_ms(now).value(), first + TimerWheel::kTickMs);
  }

  std::mt19937_64 random_;
  TimerWheel wheel_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::uint32_t> seen_;                 // timeouts of each, until the last turn
  std::map<std::size_t, std::uint64_t> deadlines_;  // of those that are set
};

TEST(TimerWheel, AgreesWithAPlainListOfDeadlines) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    RandomTimers timers(seed);
    for (int turn = 0; turn < 1000; ++turn) {
      for (int moves = 0; moves < 10; ++moves) timers.move_one();
      timers.turn();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace apisix::event
