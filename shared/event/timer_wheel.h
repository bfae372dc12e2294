// TimerWheel: coarse timeouts, O(1) to set, move and cancel. Three levels of 256 slots; one slot of the
// first level is kTickMs, one of the next is a whole round of it (1.28 s, 5.5 min), the last reaches 23
// hours. Invariant: a callback comes at its deadline or up to one tick later, never before.
//
// A timer that is only moved later, or cancelled and set again (the timeouts of each request), is not
// relinked: it is put right when its old slot comes up, so that moving it is one store.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace apisix::event {

class TimerWheel;

// One timeout or deadline of its owner, which holds it as a member; cancels itself when destroyed.
class Timer {
 public:
  using Callback = void (*)(void* context);

  Timer(TimerWheel& wheel, Callback callback, void* context)
      : wheel_(&wheel), callback_(callback), context_(context) {}
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls back once, `delay_ms` after the loop's cached now. Sets anew when already set.
  void set_after_ms(std::uint64_t delay_ms);
  // No callback. It stays linked until its slot comes up, so that setting it again is one store.
  void cancel() { deadline_ms_ = 0; }
  bool is_set() const { return deadline_ms_ != 0; }

 private:
  friend class TimerWheel;
  TimerWheel* wheel_;
  Callback callback_;
  void* context_;
  std::uint64_t deadline_ms_ = 0;  // 0 = not set
  std::uint64_t linked_ms_ = 0;    // the deadline it is linked under
  Timer* prev_ = nullptr;          // in the list of its slot
  Timer* next_ = nullptr;
  std::uint8_t level_ = 0;  // the slot it is linked in
  std::uint8_t index_ = 0;
  bool linked_ = false;
};

class TimerWheel {
 public:
  static constexpr std::uint64_t kTickMs = 5;

  explicit TimerWheel(std::uint64_t now_ms);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Runs everything due. Callbacks may set and cancel any timer.
  void advance(std::uint64_t now_ms);
  // Milliseconds from `now_ms` until the next deadline; nothing = no timer is linked.
  std::optional<std::uint64_t> next_delay_ms(std::uint64_t now_ms) const;
  // The loop sets the time at the start of a turn.
  void set_now(std::uint64_t now_ms) { now_ms_ = now_ms; }
  std::uint64_t now_ms() const { return now_ms_; }

 private:
  friend class Timer;
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kLevels = 3;

  struct Slot {
    Timer* first = nullptr;
  };
  struct Level {
    std::array<Slot, kSlots> slots;
    std::array<std::uint64_t, kSlots / 64> occupied{};
  };

  void link(Timer& timer);
  void unlink(Timer& timer);
  // Fires what is due in the slot and links the rest where it now belongs.
  void run_slot(std::size_t level, std::size_t index);
  std::optional<std::size_t> next_in_level(std::size_t level, std::size_t from) const;

  std::array<Level, kLevels> levels_;
  std::uint64_t tick_;  // the last tick that was run
  std::uint64_t now_ms_;
};

}  // namespace apisix::event
