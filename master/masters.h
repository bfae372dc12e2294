// Every master of an instance: one, or more while a binary upgrade goes on or an old master still drains.
#pragma once

#include <string>
#include <vector>

#include "master/process.h"
#include "shared/base/result.h"

namespace apisix::master {

// The one that serves first. Each was found to be a master of this prefix after it was opened, so that a
// signal to it reaches no other process. Those that only wait for their last clients are found through the
// status zone, and all of them by their open pid file when that was deleted, replaced or overwritten.
std::vector<Process> masters_of(const std::string& prefix);

// Why masters_of() found none: kNotFound when none runs, kUnavailable when one is just starting.
base::Error why_no_master(const std::string& prefix);

}  // namespace apisix::master
