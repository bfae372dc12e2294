// apisix stop: returns when all processes are gone, so that the ports are free. apisix quit only starts the
// draining, which may take minutes. Stopping what does not run is no failure, as with APISIX.
#include <csignal>

#include "master/pid_file.h"
#include "master/running.h"

namespace apisix::master {
namespace {

int leave(const Invocation& in, int signal_number) {
  forget_customized_config(in.prefix);
  const auto sent = signal_master(in.prefix, signal_number);
  if (sent) return kExitDone;
  const int exit_code = failed(sent.error());
  return sent.error().code == base::ErrorCode::kNotFound ? kExitDone : exit_code;
}

}  // namespace

int run_stop(const Invocation& in) {
  const PidFile::Holder holder = PidFile::holder(in.prefix);
  const int exit_code = leave(in, SIGTERM);
  if (exit_code == kExitDone && holder.kind == PidFile::Holder::Kind::kRunning) {
    PidFile::wait_until_gone(in.prefix, holder.pid);
  }
  return exit_code;
}

int run_quit(const Invocation& in) {
  return leave(in, SIGQUIT);
}

}  // namespace apisix::master
