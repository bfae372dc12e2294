// Upgrade: a master's attempt to be replaced by the binary that is now at its path. The new process inherits
// the listening sockets and the shared memory, starts its own workers beside the old ones, and says on a pipe
// how it went. Until it is Ready no client sees a change; if it never is, it has ended before the
// failure is reported.
//
//   kStarting --"ready"--> kDone
//       `--"failed", its death, time is up, cancel()--> kEnding --reaped--> kFailed
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "master/inheritance.h"
#include "shared/base/result.h"
#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"

namespace apisix::master {

// How a master is started again: what `apisix start` was, with nothing that depends on the folder it was in.
struct Program {
  std::string path;
  std::vector<std::string> arguments;  // the first is the program's name
};

class Upgrade {
 public:
  enum class State : unsigned char { kStarting, kEnding, kDone, kFailed };
  static constexpr std::uint64_t kStopGraceMs = 2'000;

  // Called from the loop. Neither may destroy the Upgrade.
  struct Callbacks {
    // `unused`: sockets of ours that the new master has no use for.
    std::function<void(const std::vector<int>& unused)> on_ready;
    std::function<void(const std::string& why)> on_failure;
  };

  Upgrade(event::Loop& loop, Callbacks callbacks);

  // Runs `program` with what `bequest` names. A program that cannot be executed is reported by on_failure.
  base::Status start(const Program& program, Bequest bequest, std::uint64_t timeout_ms);
  // A process was reaped. False: it was not the new master.
  bool on_exit(pid_t pid, int wait_status);
  // Ends the new master while it starts: timeout, or this master has to quit.
  void cancel(std::string why);

  State state() const { return state_; }
  pid_t pid() const { return pid_; }

 private:
  // False: nothing there yet.
  bool read_report();
  void on_report();
  void on_deadline();

  Callbacks callbacks_;
  State state_ = State::kStarting;
  pid_t pid_ = 0;
  base::UniqueFd pipe_;
  event::IoWatch watch_;
  event::Timer deadline_;
  std::uint64_t timeout_ms_ = 0;
  std::string report_;
  std::string why_;
};

}  // namespace apisix::master
