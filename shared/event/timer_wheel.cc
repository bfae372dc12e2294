#include "shared/event/timer_wheel.h"

#include <bit>

namespace apisix::event {
namespace {

constexpr std::uint64_t kMask = 255;

}  // namespace

Timer::~Timer() {
  if (linked_) wheel_->unlink(*this);
}

void Timer::set_after_ms(std::uint64_t delay_ms) {
  deadline_ms_ = wheel_->now_ms() + (delay_ms == 0 ? 1 : delay_ms);
  if (linked_ && deadline_ms_ >= linked_ms_) return;  // put right when the old slot comes up
  wheel_->unlink(*this);
  wheel_->link(*this);
}

TimerWheel::TimerWheel(std::uint64_t now_ms) : tick_(now_ms / kTickMs), now_ms_(now_ms) {}

// Level n holds what is due within 256^(n+1) ticks; what is farther waits in the last level's farthest slot.
void TimerWheel::link(Timer& timer) {
  std::uint64_t tick = (timer.deadline_ms_ + kTickMs - 1) / kTickMs;
  timer.linked_ms_ = timer.deadline_ms_;
  if (tick <= tick_) tick = tick_ + 1;
  std::uint64_t distance = tick - tick_;
  std::size_t level = 0;
  while (level + 1 < kLevels && distance >= (std::uint64_t{1} << (8 * (level + 1)))) ++level;
  const std::uint64_t farthest = (std::uint64_t{1} << (8 * kLevels)) - 1;
  if (distance > farthest) tick = tick_ + farthest;
  const std::size_t index = (tick >> (8 * level)) & kMask;
  timer.level_ = static_cast<std::uint8_t>(level);
  timer.index_ = static_cast<std::uint8_t>(index);
  Slot& slot = levels_[level].slots[index];
  timer.prev_ = nullptr;
  timer.next_ = slot.first;
  timer.linked_ = true;
  if (slot.first != nullptr) slot.first->prev_ = &timer;
  slot.first = &timer;
  levels_[level].occupied[index / 64] |= std::uint64_t{1} << (index % 64);
}

void TimerWheel::unlink(Timer& timer) {
  if (!timer.linked_) return;
  const std::size_t index = timer.index_;
  Level& level = levels_[timer.level_];
  Slot& slot = level.slots[index];
  if (timer.prev_ != nullptr) timer.prev_->next_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->prev_ = timer.prev_;
  if (slot.first == &timer) slot.first = timer.next_;
  if (slot.first == nullptr) level.occupied[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  timer.prev_ = timer.next_ = nullptr;
  timer.linked_ = false;
}

// Takes the timers of a slot one by one, so that a callback may cancel any other.
void TimerWheel::run_slot(std::size_t level, std::size_t index) {
  Slot& slot = levels_[level].slots[index];
  while (slot.first != nullptr) {
    Timer& timer = *slot.first;
    unlink(timer);
    if (timer.deadline_ms_ == 0) continue;  // cancelled meanwhile
    if ((timer.deadline_ms_ + kTickMs - 1) / kTickMs > tick_) {
      link(timer);
      continue;
    }
    timer.deadline_ms_ = 0;
    timer.callback_(timer.context_);
  }
}

void TimerWheel::advance(std::uint64_t now_ms) {
  now_ms_ = now_ms;
  const std::uint64_t target = now_ms / kTickMs;
  while (tick_ < target) {
    // Skip empty stretches of the first level, but stop where a higher level has to be spread.
    const std::uint64_t boundary = (tick_ | kMask) + 1;
    const auto next = next_in_level(0, (tick_ + 1) & kMask);
    std::uint64_t to = boundary;
    if (next && ((tick_ + 1) & ~kMask) + *next < boundary && (tick_ + 1) < boundary) {
      to = ((tick_ + 1) & ~kMask) + *next;
    }
    if (to > target) {
      tick_ = target;
      return;
    }
    tick_ = to;
    if ((tick_ & kMask) == 0) {
      if (((tick_ >> 8) & kMask) == 0) run_slot(2, (tick_ >> 16) & kMask);
      run_slot(1, (tick_ >> 8) & kMask);
    }
    run_slot(0, tick_ & kMask);
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

std::optional<std::uint64_t> TimerWheel::next_delay_ms(std::uint64_t now_ms) const {
  bool any = false;
  for (const Level& level : levels_) {
    for (const std::uint64_t bits : level.occupied) any |= bits != 0;
  }
  if (!any) return std::nullopt;
  // Nothing left in this round of the first level: wake at its end, where the next level is spread.
  std::uint64_t tick = (tick_ | kMask) + 1;
  if (((tick_ + 1) & kMask) != 0) {
    if (const auto next = next_in_level(0, (tick_ + 1) & kMask)) tick = (tick_ & ~kMask) + *next;
  }
  const std::uint64_t at = tick * kTickMs;
  return at > now_ms ? at - now_ms : 0;
}

}  // namespace apisix::event
