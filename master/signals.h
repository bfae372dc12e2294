// Signals as events of the loop (signalfd): nothing ever runs in a signal handler.
#pragma once

#include <functional>

#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"

namespace apisix::master {

class Signals {
 public:
  // Blocks HUP, INT, QUIT, TERM, USR1, USR2, WINCH and CHLD and delivers each to `on_signal`. PIPE is
  // ignored.
  Signals(event::Loop& loop, std::function<void(int signal_number)> on_signal);

  // In a forked child: nothing blocked; TERM ends it, what only concerns the master is ignored (so that
  // Ctrl-C, which goes to the whole terminal, is the master's to decide about).
  static void reset_in_child();
  // In a forked child that executes another program: as if the master had never touched any.
  static void reset_for_exec();

 private:
  void on_readable();

  std::function<void(int)> on_signal_;
  base::UniqueFd fd_;
  event::IoWatch watch_;
};

}  // namespace apisix::master
