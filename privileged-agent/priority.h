// How the agent shares cores with workers: its work may wait for milliseconds, theirs may not.
#pragma once

namespace apisix::agent {

// From now on this thread neither preempts a worker when it wakes up nor holds a core against one that does.
// Its share of a busy core stays what it was, so that health checks and the configuration go on. Needs no
// privilege. False: the kernel refused, and nothing has changed.
bool give_way_to_workers();

}  // namespace apisix::agent
