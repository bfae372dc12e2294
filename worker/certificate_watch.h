// What a worker does for the certificates of `ssls` beside showing them: it waits for their secrets before it
// serves, and looks once an hour at when they end: for `apisix status`, and once a day for error.log. Slowly:
// 100,000 certificates are parsed in the pauses of the loop, each once.
#pragma once

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/memory/status_zone.h"

namespace apisix::config {
class Registry;
}

namespace apisix::worker {

// Waits, for a moment, for secrets and OCSP responses: a worker that has taken over without them would refuse
// clients that those before it served.
async::Task<void> settle_certificates(event::Loop& loop, config::Registry& registry);

// Runs until it is destroyed. Worker 0 writes error.log for all.
async::Task<void> watch_certificates(event::Loop& loop, config::Registry& registry, memory::StatusSlot& slot);

}  // namespace apisix::worker
