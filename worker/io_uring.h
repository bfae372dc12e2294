// Whether this worker reads and writes by io_uring: decided before its first connection; given up when the
// kernel refuses it later.
#pragma once

#include "shared/event/loop.h"
#include "shared/memory/status_zone.h"
#include "shared/settings/settings.h"

namespace apisix::worker {

// Unless it is switched off, opens the loop's turn batches; says in error.log and in `slot` what became of
// it.
void open_io_uring(event::Loop& loop, const settings::NginxConfig::Event& config, memory::StatusSlot& slot);

}  // namespace apisix::worker
