// Scope: the owner of detached Tasks, which no coroutine awaits. They live until they end or the Scope is
// destroyed.
#pragma once

#include <list>

#include "shared/async/task.h"
#include "shared/event/loop.h"

namespace apisix::async {

class Scope {
 public:
  explicit Scope(event::Loop& loop) : loop_(loop) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Starts `task` at once; it is destroyed in the turn in which it ends, or with the Scope.
  void spawn(Task<void> task);
  bool empty() const { return running_.empty(); }

 private:
  struct Running {
    Task<void> task;
    Task<void> wrapper;
    event::ReadyNode ended;
    Scope* scope = nullptr;
    std::list<Running>::iterator self;
  };
  Task<void> run(Running& running);

  event::Loop& loop_;
  std::list<Running> running_;
};

}  // namespace apisix::async
