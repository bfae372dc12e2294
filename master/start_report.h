// How a start ends, reported over a pipe to the process that started it: `apisix start`, which returns only
// when the gateway serves or says why it does not; or the master that is to be replaced.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/unique_fd.h"

namespace apisix::master {

class StartReport {
 public:
  // In the foreground: failures go to standard error, success needs no word.
  StartReport() = default;
  explicit StartReport(base::UniqueFd pipe) : pipe_(std::move(pipe)) {}

  void ready(std::string_view text = {});
  void failed(std::string_view why);

  // What arrived until the pipe was closed.
  struct Received {
    bool is_ready = false;
    std::string text;  // why not; what ready() was given
  };
  static Received parse(std::string_view bytes);

 private:
  void send(char verdict, std::string_view text);

  base::UniqueFd pipe_;
  bool reported_ = false;
};

struct Daemon {
  bool is_parent = false;
  int exit_code = 0;        // parent: what the start command exits with
  StartReport report = {};  // child
};

// Forks the process that becomes the master, away from the terminal. The parent comes back when the child has
// reported (or died), having printed the failure, if any.
Daemon become_daemon();

// Standard input and output to /dev/null, standard error to the error log.
void leave_terminal();

}  // namespace apisix::master
