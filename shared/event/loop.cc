#include "shared/event/loop.h"

#include <algorithm>
#include <stdexcept>

#include <event2/event.h>

#include "shared/event/turn_batch.h"

namespace apisix::event {
namespace {

constexpr std::uint64_t kLongestWaitMs = 60'000;

event_base* make_base() {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_avoid_method(config, "select");
  event_config_avoid_method(config, "poll");
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (base == nullptr) throw std::runtime_error("cannot make an epoll event base");
  return base;
}

}  // namespace

Loop::Loop()
    : base_(make_base()),
      wake_(event_new(base_, -1, 0, &Loop::on_wake, this)),
      timers_(clock_.monotonic_ms()),
      batch_(std::make_unique<TurnBatch>()) {}

Loop::~Loop() {
  event_free(wake_);
  event_base_free(base_);
}

void Loop::on_wake(int, short, void* self) {
  static_cast<Loop*>(self)->wake_at_ms_ = kNever;
}

// Leaves an earlier wake-up in place: a needless turn is cheaper than moving it on each request.
void Loop::arm_wake(std::uint64_t at_ms, std::uint64_t now_ms) {
  if (wake_at_ms_ <= at_ms) return;
  wake_at_ms_ = at_ms;
  const std::uint64_t wait = at_ms - now_ms;
  const timeval limit{static_cast<time_t>(wait / 1000), static_cast<suseconds_t>(wait % 1000 * 1000)};
  event_add(wake_, &limit);
}

bool Loop::has_work() const {
  return !ready_.empty() || !deferred_.empty() || !end_of_turn_.empty() || batch_->has_readable();
}

void Loop::run() {
  stopped_ = false;
  while (!stopped_) run_once(kLongestWaitMs);
}

void Loop::run_once(std::uint64_t wait_ms) {
  const std::uint64_t now = clock_.monotonic_ms();
  const std::uint64_t wait = has_work() ? 0 : std::min(wait_ms, timers_.next_delay_ms(now).value_or(wait_ms));
  clock_is_fresh_ = false;
  if (wait == 0) {
    // Once: what a batch has not read yet stays readable.
    event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  } else {
    arm_wake(now + wait, now);
    event_base_loop(base_, EVLOOP_ONCE);
  }
  // Before the timers: a timeout does not overtake bytes that came in time.
  if (batch_->has_readable()) {
    note_activity();  // what is held has no event, which would have
    batch_->run();
  }
  finish_turn();
}

void Loop::refresh_clock() {
  clock_.refresh();
  timers_.set_now(clock_.monotonic_ms());
  clock_is_fresh_ = true;
}

// What is pushed meanwhile waits for the next turn: else a node that pushes itself again would keep the loop.
void Loop::run_deferred() {
  ReadyQueue round;
  round.append_all(deferred_);
  const std::uint64_t end_us = base::monotonic_now_us() + kDeferredUsPerTurn;
  do {
    round.run_first();
  } while (!round.empty() && base::monotonic_now_us() < end_us);
  round.append_all(deferred_);
  deferred_.append_all(round);
}

void Loop::finish_turn() {
  note_activity();
  timers_.advance(clock_.monotonic_ms());
  if (!deferred_.empty()) run_deferred();
  ready_.drain();
  batch_->flushes().drain();
  ReadyQueue last;
  last.append_all(end_of_turn_);
  last.drain();
}

}  // namespace apisix::event
