#include "worker/proxy/pipeline_run.h"

#include "worker/limits.h"

namespace apisix::proxy {

void PipelineRun::wait_for(async::Step step) {
  step_ = std::move(step);
  step_.notify(&PipelineRun::on_step_done, this);
}

// The step's frame is still on the stack: the loop goes on with the request when it has come to rest.
void PipelineRun::on_step_done(void* self) {
  auto* run = static_cast<PipelineRun*>(self);
  run->loop_.ready().push(
      run->step_done_, [](void* context) { static_cast<PipelineRun*>(context)->resume_(); }, run);
}

std::uint64_t PipelineRun::secret_wait_ms_left() {
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  if (secret_deadline_ms_ == 0) secret_deadline_ms_ = now_ms + limits::kSecretWaitMsMax;
  return secret_deadline_ms_ > now_ms ? secret_deadline_ms_ - now_ms : 0;
}

}  // namespace apisix::proxy
