// WorkerProgress: how far the workers of this node have followed the store, from their slots in shared
// memory.
#pragma once

#include <cstddef>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/memory/status_zone.h"
#include "shared/store/store.h"
#include "worker/admin/write_mode.h"

namespace apisix::admin {

class WorkerProgress {
 public:
  WorkerProgress(event::Loop& loop, const memory::StatusZone& status) : loop_(loop), status_(status) {}

  struct Reached {
    std::size_t applied = 0;  // workers that serve with the revision or a later one
    std::size_t workers = 0;  // that serve at all: those that start will begin with it

    bool is_all() const { return applied == workers; }
  };
  Reached reached(store::Revision revision) const;
  // The response to a write that was done at `revision`: with ?wait the body gets "applied", and the status
  // is 202 unless all workers have it before the timeout.
  async::Task<int> report(store::Revision revision, const WriteMode& mode, int status, format::Json& body);

 private:
  // Until all have, or until the timeout, `wait_ms`.
  async::Task<Reached> wait(store::Revision revision, std::uint64_t wait_ms);

  event::Loop& loop_;
  const memory::StatusZone& status_;
};

}  // namespace apisix::admin
