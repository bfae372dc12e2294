#include "shared/async/scope.h"

namespace apisix::async {

void Scope::spawn(Task<void> task) {
  Running& running = running_.emplace_back();
  running.scope = this;
  running.self = std::prev(running_.end());
  running.task = std::move(task);
  running.wrapper = run(running);
  running.wrapper.start();
}

Task<void> Scope::run(Running& running) {
  co_await running.task;
  // The frame cannot destroy itself: the loop does, once this coroutine has come to rest.
  loop_.ready().push(
      running.ended,
      [](void* context) {
        auto* done = static_cast<Running*>(context);
        done->scope->running_.erase(done->self);
      },
      &running);
}

}  // namespace apisix::async
