// The gateway that runs in a prefix, for commands that inspect it: they look at the shared memory of its
// master, mapped to be read only. That needs no port, works when no worker responds, and cannot disturb
// anything.
#pragma once

#include <string>

#include <sys/types.h>

#include "shared/base/result.h"

namespace apisix::master {

// While a binary upgrade goes on, the master that serves. kNotFound when none runs.
base::Result<pid_t> serving_master(const std::string& prefix);

// Says on standard error why nothing can be said; returns kExitNotRunning or kExitUnknown.
int cannot_inspect(const base::Error& error);

}  // namespace apisix::master
