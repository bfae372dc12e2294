// Process: another process, held by a descriptor (pidfd), so that what is asked about it, sent to it and
// waited for is the same process, also when its pid is given to another one meanwhile.
#pragma once

#include <sys/types.h>

#include "shared/base/result.h"
#include "shared/base/unique_fd.h"

namespace apisix::master {

class Process {
 public:
  // kNotFound when there is none of that number.
  static base::Result<Process> open(pid_t pid);

  pid_t pid() const { return pid_; }
  // kNotFound when it has ended, kIo when we may not.
  base::Status signal(int number) const;
  // True once it has ended; false after `timeout_ms` (negative: no timeout).
  bool wait_for_end(int timeout_ms = -1) const;
  bool is_alive() const { return !wait_for_end(0); }

 private:
  Process(pid_t pid, base::UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}

  pid_t pid_;
  base::UniqueFd fd_;  // none where a sandbox forbids it: then the pid has to do
};

}  // namespace apisix::master
