// Loop: the one event loop of a process (a single thread). The only folder that knows libevent.
//
// A turn: wait -> refresh the clock -> io callbacks -> the turn's batch of reads and sends -> due timers -> a
// slice of the deferred queue -> the ready queue (coroutines that became resumable are never resumed inline
// by an event) -> end-of-turn work (freeing connections).
#pragma once

#include <cstdint>
#include <memory>

#include "shared/base/clock.h"
#include "shared/event/ready_queue.h"
#include "shared/event/timer_wheel.h"

struct event;
struct event_base;

namespace apisix::event {

class TurnBatch;

class Loop {
 public:
  // Throws std::runtime_error when the kernel gives no epoll instance: only made before Ready.
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Turns until stop().
  void run();
  void stop() { stopped_ = true; }
  // One turn with `wait_ms` as its timeout; for tests and for the steps before Ready.
  void run_once(std::uint64_t wait_ms);
  // For tests: the time passes at once; what is due then runs in the next turn.
  void skip_ms(std::uint64_t ms) { clock_.skip(ms * 1000); }

  const base::Clock& clock() const { return clock_; }
  TimerWheel& timers() { return timers_; }
  ReadyQueue& ready() { return ready_; }
  // Runs in a later turn, behind the events of that turn and in the order of the queue: for work that one
  // peer can make long. A turn spends kDeferredUsPerTurn on it, and at least one node.
  ReadyQueue& deferred() { return deferred_; }
  // What became readable in this turn; once it is opened, reads and writes go by few system calls.
  TurnBatch& batch() { return *batch_; }

  // Runs last in this turn (in the next one, when pushed by end-of-turn work), when no callback of the turn
  // can still be on the stack.
  ReadyQueue& end_of_turn() { return end_of_turn_; }

  // Reads the time now, for what has run for long within a turn.
  void refresh_clock();

  event_base* handle() { return base_; }
  // Called by IoWatch before each callback: reads the time once per turn.
  void note_activity() {
    if (!clock_is_fresh_) [[unlikely]]
      refresh_clock();
  }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  // The longest that a new client waits behind the backlog of others.
  static constexpr std::uint64_t kDeferredUsPerTurn = 2'000;
  static void on_wake(int, short, void* self);
  void arm_wake(std::uint64_t at_ms, std::uint64_t now_ms);
  void finish_turn();
  void run_deferred();
  bool has_work() const;

  event_base* base_;
  ::event* wake_;  // bounds the wait
  std::uint64_t wake_at_ms_ = kNever;
  base::Clock clock_;
  TimerWheel timers_;
  ReadyQueue ready_;
  ReadyQueue deferred_;
  ReadyQueue end_of_turn_;
  const std::unique_ptr<TurnBatch> batch_;
  bool clock_is_fresh_ = false;
  bool stopped_ = false;
};

}  // namespace apisix::event
