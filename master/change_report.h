// What became of a reload or an upgrade, for the command that asked the master for it: read from the status
// zone of the master that runs, so it needs neither a port nor the log.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "master/process.h"
#include "shared/base/result.h"
#include "shared/memory/status_zone.h"

namespace apisix::master {

class ChangeReport {
 public:
  // `master`: the one of `prefix` that serves; outlives the report.
  static base::Result<ChangeReport> of(const std::string& prefix, const Process& master);

  // Sends the signal that begins the change, and waits for its end: kUnavailable with the master's own words
  // when it was refused or failed, kTimeout when it is still under way after `timeout_ms`.
  base::Status change(int signal_number, std::uint64_t timeout_ms);

 private:
  ChangeReport(const Process& master, memory::StatusZone zone) : master_(master), zone_(std::move(zone)) {}

  const Process& master_;
  memory::StatusZone zone_;
};

}  // namespace apisix::master
