// Every master of an instance: one, or more while a binary upgrade goes on or an old master still drains.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace apisix::master {

// The one that serves first. Those that only wait for their last clients are found through the status zone.
std::vector<pid_t> masters_of(const std::string& prefix);

}  // namespace apisix::master
