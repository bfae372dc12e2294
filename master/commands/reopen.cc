// apisix reopen: the log files are opened again, after a rotation moved them. What scripts of root call
// instead of signalling a number from logs/nginx.pid, which the workers' user may be able to write.
#include <csignal>

#include "master/running.h"

namespace apisix::master {

int run_reopen(const Invocation& in) {
  const auto masters = masters_to_signal(in.prefix);
  if (!masters) return failed(masters.error());
  int exit_code = kExitDone;
  for (const Process& master : *masters) {
    const auto sent = master.signal(SIGUSR1);
    if (!sent && sent.error().code != base::ErrorCode::kNotFound) exit_code = failed(sent.error());
  }
  return exit_code;
}

}  // namespace apisix::master
