// co_await NextTurn(loop): goes on in the loop's next turn. For long answers that can be made in pieces: what
// waits meanwhile, clients first of all, gets its turn.
#pragma once

#include <coroutine>
#include <memory>

#include "shared/async/awaiters.h"
#include "shared/event/loop.h"

namespace apisix::control {

class NextTurn {
 public:
  explicit NextTurn(event::Loop& loop) : resumption_(std::make_shared<async::Resumption>(loop)) {}

  bool await_ready() const noexcept { return false; }
  // What is made ready at the end of a turn runs after the next turn's events.
  void await_suspend(std::coroutine_handle<> handle) {
    resumption_->set_handle(handle);
    resumption_->loop().at_end_of_turn([weak = std::weak_ptr(resumption_)] {
      if (const auto resumption = weak.lock()) resumption->schedule();
    });
  }
  void await_resume() const noexcept {}

 private:
  std::shared_ptr<async::Resumption> resumption_;  // shared with the turn's end; gone with the frame
};

}  // namespace apisix::control
