// agent_main(): the life of the privileged agent, the process that keeps some privileges when the workers
// drop theirs. It serves no client traffic. Its work is a list of jobs (jobs/), each with its own reason to
// be here.
#pragma once

#include "shared/channel/child_context.h"

namespace apisix::agent {

// Runs in the forked process until a stop message, until what was begun before a quit message is over, or
// until the master has ended. Returns its exit code.
int agent_main(channel::AgentContext&& context);

}  // namespace apisix::agent
