#include "shared/event/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "shared/base/check.h"

namespace apisix::event {

TimerLink::TimerLink(TimerWheel& wheel, Callback callback) : kind_(wheel.kind_of(callback)) {}

Timer::~Timer() {
  wheel_.remove(*this);
}

void Timer::set_after_ms(std::uint64_t delay_ms) {
  wheel_.set(*this, delay_ms);
}

void Timer::run(TimerLink& timer) {
  auto& self = static_cast<Timer&>(timer);
  self.callback_(self.context_);
}

TimerWheel::TimerWheel(std::uint64_t now_ms) : tick_(now_ms / kTickMs), now_ms_(now_ms) {}

// The first call with a callback makes the kind.
std::uint8_t TimerWheel::kind_of(TimerLink::Callback callback) {
  std::size_t kind = 0;
  while (kinds_[kind] != callback && kinds_[kind] != nullptr) {
    ++kind;
    CHECK(kind < kKindsMax);
  }
  kinds_[kind] = callback;
  return static_cast<std::uint8_t>(kind);
}

// Within one round of its level, but not now: the slot there is was spread.
std::uint64_t TimerWheel::slot_tick(const TimerLink& timer) const {
  const unsigned shift = 8 * timer.level_;
  const std::uint64_t first = (tick_ >> shift) + 1;
  return (first + ((timer.index_ - first) & kSlotMask)) << shift;
}

// Level n holds what is due within 256^(n+1) ticks; what is farther waits in the last level's farthest slot.
// No deadline that is linked is before the tick there is: it was set for a later time.
void TimerWheel::link(TimerLink& timer, std::uint64_t deadline_ms) {
  const std::uint64_t tick = std::min(tick_at(deadline_ms), tick_ + kFarthestTicks);
  const std::uint64_t distance = tick - tick_;
  const std::size_t level = distance < kSlots ? 0 : distance < kSlots * kSlots ? 1 : 2;
  const std::size_t index = (tick >> (8 * level)) & kSlotMask;
  timer.index_ = index;
  timer.level_ = level;
  timer.is_set_ = true;
  timer.deadline_ms_ = deadline_ms;
  TimerLink*& first = levels_[level].slots[index].first;
  timer.prev_ = nullptr;
  timer.next_ = first;
  if (first != nullptr) first->prev_ = &timer;
  first = &timer;
  levels_[level].occupied[index / 64] |= std::uint64_t{1} << (index % 64);
}

void TimerWheel::unlink(TimerLink& timer) {
  TimerLink* const next = timer.next_;
  if (next != nullptr) next->prev_ = timer.prev_;
  if (timer.prev_ != nullptr) {
    timer.prev_->next_ = next;
  } else {
    const std::size_t index = timer.index_;
    Level& level = levels_[timer.level_];
    level.slots[index].first = next;
    if (next == nullptr) level.occupied[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  }
  timer.deadline_ms_ = TimerLink::kNotLinked;
}

void TimerWheel::set_earlier(TimerLink& timer, std::uint64_t deadline_ms) {
  if (timer.is_linked()) {
    if (slot_tick(timer) <= tick_at(deadline_ms)) {
      timer.deadline_ms_ = deadline_ms;
      timer.is_set_ = true;
      return;
    }
    unlink(timer);
  }
  link(timer, deadline_ms);
}

void TimerWheel::spread_slot(std::size_t level) {
  Slot& slot = levels_[level].slots[(tick_ >> (8 * level)) & kSlotMask];
  while (slot.first != nullptr) {
    TimerLink& timer = *slot.first;
    const std::uint64_t deadline_ms = timer.deadline_ms_;
    unlink(timer);
    if (timer.is_set()) link(timer, deadline_ms);
  }
}

// Takes the timers of the slot one by one, so that a callback may cancel any other.
void TimerWheel::run_tick() {
  Slot& slot = levels_[0].slots[tick_ & kSlotMask];
  is_tick_unfinished_ = false;
  while (slot.first != nullptr) {
    if (callbacks_left_ == 0) {
      is_tick_unfinished_ = true;
      return;
    }
    TimerLink& timer = *slot.first;
    const std::uint64_t deadline_ms = timer.deadline_ms_;
    unlink(timer);
    if (!timer.is_set()) continue;  // cancelled meanwhile
    if (tick_at(deadline_ms) > tick_) {
      link(timer, deadline_ms);
      continue;
    }
    --callbacks_left_;
    timer.cancel();
    kinds_[timer.kind_](timer);
  }
}

void TimerWheel::run_due() {
  callbacks_left_ = kCallbacksPerTurn;
  if (is_tick_unfinished_) run_tick();
  const std::uint64_t target = now_ms_ / kTickMs;
  while (tick_ < target && !is_tick_unfinished_) {
    // Skip empty stretches of the first level, but stop where a higher level has to be spread.
    const std::uint64_t boundary = (tick_ | kSlotMask) + 1;
    const auto next = next_in_level(0, (tick_ + 1) & kSlotMask);
    std::uint64_t to = boundary;
    if (next && ((tick_ + 1) & ~kSlotMask) + *next < boundary && (tick_ + 1) < boundary) {
      to = ((tick_ + 1) & ~kSlotMask) + *next;
    }
    if (to > target) {
      tick_ = target;
      return;
    }
    tick_ = to;
    if ((tick_ & kSlotMask) == 0) {
      if (((tick_ >> 8) & kSlotMask) == 0) spread_slot(2);
      spread_slot(1);
    }
    run_tick();
  }
}

// The first occupied slot at or behind `from`, without wrapping around.
std::optional<std::size_t> TimerWheel::next_in_level(std::size_t level, std::size_t from) const {
  const auto& occupied = levels_[level].occupied;
  std::size_t word = from / 64;
  std::uint64_t bits = occupied[word] & (~std::uint64_t{0} << (from % 64));
  for (;;) {
    if (bits != 0) return word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
    if (++word == occupied.size()) return std::nullopt;
    bits = occupied[word];
  }
}

bool TimerWheel::has_linked() const {
  return std::ranges::any_of(levels_, [](const Level& level) {
    return std::ranges::any_of(level.occupied, [](std::uint64_t bits) { return bits != 0; });
  });
}

std::optional<std::uint64_t> TimerWheel::next_delay_ms(std::uint64_t now_ms) const {
  if (is_tick_unfinished_) return 0;
  // Nothing left in this round of the first level: wake at its end, where the next level is spread.
  std::uint64_t tick = (tick_ | kSlotMask) + 1;
  const std::optional<std::size_t> next =
      tick_ + 1 < tick ? next_in_level(0, (tick_ + 1) & kSlotMask) : std::nullopt;
  if (next) {
    tick = (tick_ & ~kSlotMask) + *next;
  } else if (!has_linked()) {
    return std::nullopt;
  }
  const std::uint64_t at = tick * kTickMs;
  return at > now_ms ? at - now_ms : 0;
}

}  // namespace apisix::event
