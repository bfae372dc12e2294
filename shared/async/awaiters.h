// What a coroutine can wait for on the loop. Each awaiter lives in the waiting frame: when the frame is
// destroyed, the awaiter takes itself out of the timer wheel and the ready queue.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <utility>

#include "shared/event/loop.h"

namespace apisix::async {

// Resumes a handle from the ready queue, never inline.
class Resumption {
 public:
  explicit Resumption(event::Loop& loop) : loop_(loop) {}

  void set_handle(std::coroutine_handle<> handle) { handle_ = handle; }
  void schedule() {
    loop_.ready().push(
        node_, [](void* context) { static_cast<Resumption*>(context)->handle_.resume(); }, this);
  }
  event::Loop& loop() { return loop_; }

 private:
  event::Loop& loop_;
  std::coroutine_handle<> handle_;
  event::ReadyNode node_;
};

// co_await Sleep(loop, 50): resumes after at least 50 ms.
class Sleep {
 public:
  Sleep(event::Loop& loop, std::uint64_t delay_ms)
      : resumption_(loop),
        timer_(
            loop.timers(), [](void* self) { static_cast<Sleep*>(self)->resumption_.schedule(); }, this),
        delay_ms_(delay_ms) {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    resumption_.set_handle(handle);
    timer_.set_after_ms(delay_ms_);
  }
  void await_resume() const noexcept {}

 private:
  Resumption resumption_;
  event::Timer timer_;
  std::uint64_t delay_ms_;
};

// Completion<T>: one result that a callback delivers to the one coroutine awaiting it.
//   async::Completion<int> done(loop);  start(..., [&] { done.set(42); });  int got = co_await done;
// set() may come before or after the await. It must outlive the callback: cancel that in a destructor.
template <typename T>
class Completion {
 public:
  explicit Completion(event::Loop& loop) : resumption_(loop) {}

  void set(T value) {
    value_.emplace(std::move(value));
    if (waiting_) resumption_.schedule();
  }
  bool is_set() const { return value_.has_value(); }

  bool await_ready() const noexcept { return value_.has_value(); }
  void await_suspend(std::coroutine_handle<> handle) {
    resumption_.set_handle(handle);
    waiting_ = true;
  }
  T await_resume() { return std::move(*value_); }

 private:
  Resumption resumption_;
  std::optional<T> value_;
  bool waiting_ = false;
};

}  // namespace apisix::async
