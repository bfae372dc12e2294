// Threads: the light threads (ngx.thread) of one Run. Each is a Run of its own in the same phase and for the
// same request. The Run ends when all of them have ended; one that fails or exits ends them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/base/counted.h"
#include "worker/lua/run.h"

namespace apisix::lua {

// running -> ended (its results are on its Run's coroutine) -> taken by one ngx.thread.wait()
//        \-> killed, or its parent ended
struct LightThread : base::Counted<LightThread> {
  LightThread(Run& parent, std::unique_ptr<Run> run) : parent(&parent), run(std::move(run)) {}

  const Run* const parent;   // compared only: it may have ended
  std::unique_ptr<Run> run;  // null: killed, or its results were taken
  std::optional<Run::End> end;
  std::optional<async::Scope> rest;  // of a run that has waited
};

class Threads {
 public:
  Threads(Run& parent, event::Loop& loop) : parent_(parent), loop_(loop), changed_(loop) {}
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  // Runs it until it waits. The function and its arguments are on the coroutine of `run`.
  base::Ref<LightThread> spawn(std::unique_ptr<Run> run, int arguments);
  // It does not go on: what it waits for is destroyed.
  void kill(LightThread& thread);
  // Its results were taken.
  void forget(const LightThread& thread);
  bool are_running() const { return running_ > 0; }
  // Some thread has ended.
  async::Signal& changed() { return changed_; }
  // A thread called ngx.exit().
  const std::optional<int>& exit_code() const { return exit_code_; }

 private:
  void note_end(LightThread& thread, Run::End end);
  async::Task<void> finish(LightThread& thread);

  Run& parent_;
  event::Loop& loop_;
  async::Signal changed_;
  std::optional<int> exit_code_;
  std::vector<base::Ref<LightThread>> all_;  // whose results were not taken
  std::size_t running_ = 0;
};

}  // namespace apisix::lua
