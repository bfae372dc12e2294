// worker_main(): the life of one worker process. Build, say Ready, run, drain.
#pragma once

#include "shared/channel/child_context.h"

namespace apisix::worker {

// Runs in the forked process until a quit or stop message, or until the master has ended. Returns its exit
// code.
int worker_main(channel::WorkerContext&& context);

}  // namespace apisix::worker
