// PipelineRun: how far one request is in the pipeline: the phase that is next, what its phases found out, and
// the one thing that it waits for. A member of its Stream; pipeline.cc has the phases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "shared/base/delegate.h"
#include "shared/event/loop.h"
#include "worker/config/compiled.h"

namespace apisix::proxy {

class PipelineRun {
 public:
  // `resume`: what the request waited for is there; never inside the call that made it so.
  PipelineRun(event::Loop& loop, base::Delegate<void()> resume) : loop_(loop), resume_(resume) {}
  PipelineRun(const PipelineRun&) = delete;
  PipelineRun& operator=(const PipelineRun&) = delete;

  // The pipeline goes on with this one.
  std::size_t phase() const { return phase_; }
  void set_phase(std::size_t phase) { phase_ = phase; }

  // --- what its phases found out
  // Kept for the life of the request. Null: none matched, or none yet.
  const config::CompiledRoute* route() const { return route_.get(); }
  void set_route(base::Ref<const config::CompiledRoute> route) { route_ = std::move(route); }
  bool is_logged() const { return is_logged_; }
  // Not in the access log, nor in what is counted of routes.
  void keep_out_of_log() { is_logged_ = false; }

  // --- waiting
  // `step` has not ended: resume follows when it has.
  void wait_for(async::Step step);
  // For hooks of plugins, which a ChainRun keeps: `self` is this.
  static void on_step_done(void* self);
  // For how long secrets that the plugins need may still be read, from the first call on; 0: no longer.
  std::uint64_t secret_wait_ms_left();

 private:
  event::Loop& loop_;
  const base::Delegate<void()> resume_;
  base::Ref<const config::CompiledRoute> route_;
  async::Step step_{async::Outcome::kPass};
  event::ReadyNode step_done_;
  std::uint64_t secret_deadline_ms_ = 0;  // 0: did not wait for any
  std::size_t phase_ = 0;
  bool is_logged_ = true;
};

}  // namespace apisix::proxy
