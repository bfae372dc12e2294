#include "master/serving_master.h"

#include <cstdio>

#include "master/command.h"
#include "master/masters.h"
#include "master/running.h"

namespace apisix::master {

base::Result<pid_t> serving_master(const std::string& prefix) {
  const auto masters = masters_of(prefix);
  if (masters.empty()) return std::unexpected(why_no_master(prefix));
  return masters.front().pid();
}

int cannot_inspect(const base::Error& error) {
  failed(error);
  if (error.code == base::ErrorCode::kNotFound) return kExitNotRunning;
  if (error.code == base::ErrorCode::kIo) {
    std::fputs(
        "Only root and the user of the master process may look into its memory. GET /v1/status of the\n"
        "Control API (apisix.control in config.yaml) answers everybody who can reach it.\n",
        stderr);
  }
  return kExitUnknown;
}

}  // namespace apisix::master
