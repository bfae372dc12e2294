// TimerWheel: coarse timeouts, O(1) to set, move and cancel. Three levels of 256 slots; one slot of the
// first level is kTickMs, one of the next is a whole round of it (1.28 s, 5.5 min), the last reaches 23
// hours. Invariant: a callback comes at its deadline or up to one tick later, never before. What more than
// kCallbacksPerTurn callbacks are due for waits for the turns behind: other events come between.
//
// A timer that is only moved later, or cancelled and set again (the timeouts of each request), is not
// relinked: it is put right when its old slot comes up, so that moving it is one store.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace apisix::event {

class TimerWheel;

// A timeout of the object that is derived from it, for what a process has a hundred thousand of: it has no
// callback of its own, but is what the callback of its kind gets. The object takes it out of its wheel
// (TimerWheel::remove()) before it is destroyed. 24 bytes.
class TimerLink {
 public:
  using Callback = void (*)(TimerLink& timer);

  TimerLink(const TimerLink&) = delete;
  TimerLink& operator=(const TimerLink&) = delete;

  // No callback. It stays linked until its slot comes up, so that setting it again is one store.
  void cancel() { is_set_ = false; }
  bool is_set() const { return is_set_; }

 protected:
  // All timers of one kind have the same callback.
  TimerLink(TimerWheel& wheel, Callback callback);
  TimerLink() = default;  // the kind of event::Timer
  ~TimerLink() = default;

 private:
  friend class TimerWheel;
  static constexpr std::uint64_t kNotLinked = (std::uint64_t{1} << 40) - 1;

  bool is_linked() const { return deadline_ms_ != kNotLinked; }

  TimerLink* prev_ = nullptr;  // in the list of its slot
  TimerLink* next_ = nullptr;
  // One word, read and written at once.
  std::uint64_t index_ : 8 = 0;  // the slot it is linked in
  std::uint64_t level_ : 8 = 0;
  std::uint64_t kind_ : 7 = 0;
  std::uint64_t is_set_ : 1 = false;
  // As long as it is linked, its slot comes up at or before this, cancelled or not.
  std::uint64_t deadline_ms_ : 40 = kNotLinked;
};

// One timeout or deadline of its owner, which holds it as a member; cancels itself when destroyed.
class Timer : private TimerLink {
 public:
  using Callback = void (*)(void* context);

  Timer(TimerWheel& wheel, Callback callback, void* context)
      : wheel_(wheel), callback_(callback), context_(context) {}
  ~Timer();

  // Calls back once, `delay_ms` after the loop's cached now. Sets anew when already set.
  void set_after_ms(std::uint64_t delay_ms);
  using TimerLink::cancel;
  using TimerLink::is_set;

 private:
  friend class TimerWheel;
  static void run(TimerLink& timer);

  TimerWheel& wheel_;
  Callback callback_;
  void* context_;
};

class TimerWheel {
 public:
  static constexpr std::uint64_t kTickMs = 5;
  // To close an idle connection takes 5 to 10 us.
  static constexpr std::uint32_t kCallbacksPerTurn = 256;

  explicit TimerWheel(std::uint64_t now_ms);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // As Timer::set_after_ms().
  void set(TimerLink& timer, std::uint64_t delay_ms) {
    const std::uint64_t deadline_ms = now_ms_ + std::clamp(delay_ms, std::uint64_t{1}, kDelayMsMax);
    if (deadline_ms < timer.deadline_ms_) return set_earlier(timer, deadline_ms);
    timer.deadline_ms_ = deadline_ms;
    timer.is_set_ = true;
  }
  // Cancels it, and keeps nothing of it.
  void remove(TimerLink& timer) {
    timer.cancel();
    if (timer.is_linked()) unlink(timer);
  }

  // Runs what is due, kCallbacksPerTurn at most. Callbacks may set and cancel any timer.
  void advance(std::uint64_t now_ms) {
    now_ms_ = now_ms;
    if (now_ms >= (tick_ + 1) * kTickMs || is_tick_unfinished_) run_due();
  }
  // Milliseconds from `now_ms` until the next deadline, 0 when some that are due wait for another turn;
  // nothing = no timer is linked.
  std::optional<std::uint64_t> next_delay_ms(std::uint64_t now_ms) const;
  // The loop sets the time at the start of a turn.
  void set_now(std::uint64_t now_ms) { now_ms_ = now_ms; }
  std::uint64_t now_ms() const { return now_ms_; }

 private:
  friend class TimerLink;
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kLevels = 3;
  static constexpr std::uint64_t kSlotMask = kSlots - 1;
  static constexpr std::uint64_t kFarthestTicks = kSlots * kSlots * kSlots - 1;
  static constexpr std::size_t kKindsMax = 4;
  // 17 years, which a clock may show as well: no sum of both is beyond the 40 bits of a deadline.
  static constexpr std::uint64_t kDelayMsMax = (std::uint64_t{1} << 39) - 1;

  struct Slot {
    TimerLink* first = nullptr;
  };
  struct Level {
    std::array<Slot, kSlots> slots;
    std::array<std::uint64_t, kSlots / 64> occupied{};
  };

  // The first tick that is not before `at_ms`.
  static std::uint64_t tick_at(std::uint64_t at_ms) { return (at_ms + kTickMs - 1) / kTickMs; }
  // When the slot that a linked timer is in comes up.
  std::uint64_t slot_tick(const TimerLink& timer) const;
  std::uint8_t kind_of(TimerLink::Callback callback);
  void link(TimerLink& timer, std::uint64_t deadline_ms);
  void unlink(TimerLink& timer);
  // What is not linked, or may be in a slot that comes up too late.
  void set_earlier(TimerLink& timer, std::uint64_t deadline_ms);
  // Links what is in the slot of a higher level, which begins now, where it now belongs.
  void spread_slot(std::size_t level);
  void run_due();
  // Calls back for the tick there is. Leaves what is too much to another turn.
  void run_tick();
  bool has_linked() const;
  std::optional<std::size_t> next_in_level(std::size_t level, std::size_t from) const;

  std::array<Level, kLevels> levels_;
  std::uint64_t tick_;  // the last tick that was run
  std::uint64_t now_ms_;
  std::uint32_t callbacks_left_ = 0;  // in this turn
  bool is_tick_unfinished_ = false;   // callbacks of it wait for another turn
  std::array<TimerLink::Callback, kKindsMax> kinds_{&Timer::run};
};

}  // namespace apisix::event
