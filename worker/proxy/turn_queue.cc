#include "worker/proxy/turn_queue.h"

#include "shared/base/clock.h"
#include "worker/limits.h"

namespace apisix::proxy {

SlicedWork::~SlicedWork() {
  if (queue_ != nullptr) queue_->remove(*this);
}

void TurnQueue::push(SlicedWork& work, SlicedWork::Run run, void* context) {
  if (work.queue_ != nullptr) return;
  work.queue_ = this;
  work.run_ = run;
  work.context_ = context;
  waiting_.add_newest(work);
  arm();
}

void TurnQueue::remove(SlicedWork& work) {
  waiting_.remove(work);
  work.queue_ = nullptr;
}

// Work that is posted at the end of a turn runs in the next one, behind the events that came meanwhile.
void TurnQueue::arm() {
  if (armed_) return;
  armed_ = true;
  loop_.at_end_of_turn([this] { loop_.post([this] { run_slices(); }); });
}

void TurnQueue::run_slices() {
  armed_ = false;
  const std::uint64_t until_us = base::monotonic_now_us() + limits::kSliceTurnUs;
  for (std::size_t slices = waiting_.size(); slices > 0 && waiting_.oldest() != nullptr; --slices) {
    SlicedWork& work = *waiting_.oldest();
    remove(work);
    work.run_(work.context_);  // may destroy it, or push it again
    if (base::monotonic_now_us() >= until_us) break;
  }
  if (waiting_.oldest() != nullptr) arm();
}

}  // namespace apisix::proxy
