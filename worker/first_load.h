// first_load(): everything between an opened store and a worker that may say Ready. A store that is elsewhere
// may be away: it is asked a few times, as config.yaml says, before the worker gives up.
#pragma once

#include <cstdint>

#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/event/loop.h"
#include "shared/settings/settings.h"
#include "shared/store/store.h"
#include "worker/config/registry.h"

namespace apisix::worker {

async::Task<base::Status> first_load(event::Loop& loop, const store::Store& store, config::Registry& registry,
                                     const settings::Settings& settings);

}  // namespace apisix::worker
