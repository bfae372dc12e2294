// What was acknowledged must be seen: a check that asks this worker's own copy of the configuration waits for
// it first.
#pragma once

#include <string>

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/store/store.h"

namespace apisix::config {
class Registry;
}

namespace apisix::admin {

// Until `registry` has applied everything that the store holds now, but no longer than a second: a copy that
// falls behind must not stop the Admin API.
async::Task<void> catch_up(event::Loop& loop, store::Store& store, const config::Registry& registry,
                           std::string prefix);
// The same for what this revision made.
async::Task<void> wait_until_applied(event::Loop& loop, const config::Registry& registry,
                                     store::Revision revision);

}  // namespace apisix::admin
