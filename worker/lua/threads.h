// Threads: the light threads (ngx.thread) of one Run. Each is a Run of its own in the same phase and for the
// same request; they end with the Run that spawned them.
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
struct LightThread : base::Counted<LightThread> {
  std::unique_ptr<Run> run;  // null: killed, or its results were taken
  std::optional<Run::End> end;
};

class Threads {
 public:
  explicit Threads(event::Loop& loop) : changed_(loop), scope_(loop) {}

  // Runs it until it waits. The function and its arguments are on the coroutine of `run`.
  base::Ref<LightThread> spawn(std::unique_ptr<Run> run, int arguments);
  void kill(LightThread& thread);
  // Some thread has ended.
  async::Signal& changed() { return changed_; }
  // A thread called ngx.exit().
  const std::optional<int>& exit_code() const { return exit_code_; }

 private:
  void note_end(LightThread& thread, Run::End end);
  async::Task<void> finish(base::Ref<LightThread> thread);

  async::Signal changed_;
  std::optional<int> exit_code_;
  std::vector<base::Ref<LightThread>> all_;
  async::Scope scope_;
};

}  // namespace apisix::lua
