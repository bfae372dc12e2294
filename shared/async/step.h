// Step: what a plugin's hook returns. A hook that does not wait returns a finished Step and costs nothing;
// one that waits is a coroutine (co_await, co_return). Destroying a Step that waits cancels it.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

#include "shared/async/task.h"

namespace apisix::async {

// kPass: go on with the next hook. kRespond: the request holds a direct response; send it, go no further.
enum class Outcome : std::uint8_t { kPass, kRespond };

class [[nodiscard]] Step {
 public:
  struct promise_type {
    Outcome outcome = Outcome::kPass;
    void (*on_done)(void*) = nullptr;
    void* context = nullptr;
    std::coroutine_handle<> continuation = std::noop_coroutine();

    struct Final {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        const auto& promise = self.promise();
        if (promise.on_done != nullptr) promise.on_done(promise.context);
        return promise.continuation;
      }
      void await_resume() const noexcept {}
    };

    Step get_return_object() { return Step(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void return_value(Outcome value) noexcept { outcome = value; }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  Step(Outcome outcome) : outcome_(outcome) {}  // implicit: `return pass();`
  Step(Step&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), outcome_(other.outcome_) {}
  Step& operator=(Step&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
      outcome_ = other.outcome_;
    }
    return *this;
  }
  ~Step() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return !handle_ || handle_.done(); }
  Outcome outcome() const { return handle_ ? handle_.promise().outcome : outcome_; }
  // `on_done` is the callback when a waiting Step ends. The Step must not be destroyed inside the call: queue
  // it.
  void notify(void (*on_done)(void*), void* context) {
    handle_.promise().on_done = on_done;
    handle_.promise().context = context;
  }

  // A hook that runs another one: `const Outcome outcome = co_await other.rewrite(request);`
  bool await_ready() const noexcept { return done(); }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept { handle_.promise().continuation = awaiting; }
  Outcome await_resume() const noexcept { return outcome(); }

 private:
  explicit Step(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
  Outcome outcome_ = Outcome::kPass;
};

inline Outcome pass() {
  return Outcome::kPass;
}

}  // namespace apisix::async
