// Which store a worker reads its configuration from, as config.yaml says.
#pragma once

#include <memory>

#include "shared/base/result.h"
#include "shared/channel/child_context.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"

namespace apisix::worker {

// Before Ready; it may wait for the disk.
base::Result<std::unique_ptr<store::Store>> open_store(event::Loop& loop,
                                                       const channel::WorkerContext& context);

}  // namespace apisix::worker
