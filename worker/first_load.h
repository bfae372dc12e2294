// first_load(): everything between an opened store and a worker that may say Ready. A store that is elsewhere
// may be away: then the last known good configuration on disk is served, marked as degraded, until the store
// answers. Without one the worker retries as often as config.yaml says, and then ends.
#pragma once

#include <string>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/config/registry.h"

namespace apisix::worker {

// `runtime_prefix`: the instance's folder.
async::Task<base::Status> first_load(event::Loop& loop, const store::Store& store, config::Registry& registry,
                                     const settings::Settings& settings, std::string runtime_prefix);

}  // namespace apisix::worker
