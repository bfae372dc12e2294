// What became of a reload or an upgrade, for the command that asked the master for it: read from the status
// zone of the master that runs, so it needs neither a port nor the log.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/memory/status_zone.h"

namespace apisix::master {

class ChangeReport {
 public:
  // Looks at the master that runs in `prefix`. kNotFound when none does.
  static base::Result<ChangeReport> of(const std::string& prefix);

  // Sends the signal that begins the change, and waits for its end: kUnavailable with the master's own words
  // when it was refused or failed, kTimeout when it is still under way after `timeout_ms`.
  base::Status change(int signal_number, std::uint64_t timeout_ms);

  pid_t master() const { return pid_; }

 private:
  ChangeReport(pid_t pid, memory::StatusZone zone) : pid_(pid), zone_(std::move(zone)) {}

  pid_t pid_;
  memory::StatusZone zone_;
};

}  // namespace apisix::master
