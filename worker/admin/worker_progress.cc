#include "worker/admin/worker_progress.h"

#include "shared/async/awaiters.h"

namespace apisix::admin {

WorkerProgress::Reached WorkerProgress::reached(store::Revision revision) const {
  Reached out;
  for (const memory::StatusSlot& slot : status_.slots()) {
    const auto state = slot.state.load();
    const bool serves = state == memory::ChildState::kReady || state == memory::ChildState::kDraining;
    if (!serves || slot.role.load() != memory::ChildRole::kWorker) continue;
    ++out.workers;
    if (slot.applied_revision.get() >= static_cast<std::uint64_t>(revision)) ++out.applied;
  }
  return out;
}

async::Task<int> WorkerProgress::report(store::Revision revision, const WriteMode& mode, int status,
                                        format::Json& body) {
  if (!mode.wait_ms) co_return status;
  const Reached now = co_await wait(revision, *mode.wait_ms);
  format::Json& out = body["applied"] = format::Json(::Json::objectValue);
  out["revision"] = static_cast<format::Json::Int64>(revision);
  out["by"] = static_cast<format::Json::UInt64>(now.applied);
  out["workers"] = static_cast<format::Json::UInt64>(now.workers);
  co_return now.is_all() ? status : 202;
}

async::Task<WorkerProgress::Reached> WorkerProgress::wait(store::Revision revision, std::uint64_t wait_ms) {
  const std::uint64_t until = loop_.clock().monotonic_ms() + wait_ms;
  for (;;) {
    const Reached now = reached(revision);
    if (now.is_all() || loop_.clock().monotonic_ms() >= until) co_return now;
    co_await async::Sleep(loop_, 1);
  }
}

}  // namespace apisix::admin
