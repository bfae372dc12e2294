// Looks once an hour at when the certificates of `ssls` end: for `apisix status`, and once a day for
// error.log. Slowly: 100,000 certificates are parsed in the pauses of the loop, each once.
#pragma once

#include "shared/async/task.h"
#include "shared/event/loop.h"
#include "shared/memory/status_zone.h"

namespace apisix::config {
class Registry;
}

namespace apisix::worker {

// Runs until it is destroyed. Worker 0 writes error.log for all.
async::Task<void> watch_certificates(event::Loop& loop, config::Registry& registry, memory::StatusSlot& slot);

}  // namespace apisix::worker
