// Signal: any number of coroutines wait until notify() resumes them all, or until their own timeout.
//   async::Signal changed(loop);   bool notified = co_await changed.wait(100);   ... changed.notify();
// It must outlive the coroutines that wait. The awaiter is in the frame: destroying the frame cancels the
// wait.
#pragma once

#include <coroutine>
#include <cstdint>

#include "shared/async/awaiters.h"
#include "shared/event/loop.h"

namespace apisix::async {

class Signal {
 public:
  // true: notified; false: timeout.
  class Wait {
   public:
    Wait(Signal& signal, std::uint64_t timeout_ms)
        : signal_(signal),
          resumption_(signal.loop_),
          timer_(
              signal.loop_.timers(), [](void* self) { static_cast<Wait*>(self)->end(false); }, this),
          timeout_ms_(timeout_ms) {}
    ~Wait() { unlink(); }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      resumption_.set_handle(handle);
      timer_.set_after_ms(timeout_ms_);
      next_ = signal_.first_;
      if (next_ != nullptr) next_->previous_ = this;
      signal_.first_ = this;
      linked_ = true;
    }
    bool await_resume() const noexcept { return notified_; }

   private:
    friend class Signal;
    void end(bool notified) {
      notified_ = notified;
      timer_.cancel();
      unlink();
      resumption_.schedule();
    }
    void unlink() {
      if (!linked_) return;
      (previous_ != nullptr ? previous_->next_ : signal_.first_) = next_;
      if (next_ != nullptr) next_->previous_ = previous_;
      previous_ = next_ = nullptr;
      linked_ = false;
    }

    Signal& signal_;
    Resumption resumption_;
    event::Timer timer_;
    std::uint64_t timeout_ms_;
    Wait* previous_ = nullptr;
    Wait* next_ = nullptr;
    bool linked_ = false;
    bool notified_ = false;
  };

  explicit Signal(event::Loop& loop) : loop_(loop) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  Wait wait(std::uint64_t timeout_ms) { return {*this, timeout_ms}; }
  void notify() {
    while (first_ != nullptr) first_->end(true);
  }

 private:
  event::Loop& loop_;
  Wait* first_ = nullptr;
};

}  // namespace apisix::async
