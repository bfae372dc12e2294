// apisix stop: returns when all processes are gone, so that the ports are free. apisix quit only starts the
// draining, which may take minutes. Stopping what does not run is no failure, as with APISIX. While an old
// master still drains after an upgrade, it is meant too.
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "master/masters.h"
#include "master/pid_file.h"
#include "master/running.h"
#include "shared/base/clock.h"

namespace apisix::master {
namespace {

int leave(const Invocation& in, const std::vector<pid_t>& masters, int signal_number) {
  forget_customized_config(in.prefix);
  if (masters.empty()) {
    const auto sent = signal_master(in.prefix, signal_number);
    if (sent) return kExitDone;
    const int exit_code = failed(sent.error());
    return sent.error().code == base::ErrorCode::kNotFound ? kExitDone : exit_code;
  }
  int exit_code = kExitDone;
  for (const pid_t pid : masters) {
    if (::kill(pid, signal_number) == 0 || errno == ESRCH) continue;
    const auto error = base::system_error("cannot signal process " + std::to_string(pid), errno).error();
    exit_code = failed(error);
  }
  return exit_code;
}

}  // namespace

int run_stop(const Invocation& in) {
  const std::vector<pid_t> masters = masters_of(in.prefix);
  const int exit_code = leave(in, masters, SIGTERM);
  if (exit_code != kExitDone) return exit_code;
  for (const pid_t pid : masters) PidFile::wait_until_gone(in.prefix, pid);
  return kExitDone;
}

int run_quit(const Invocation& in) {
  const std::vector<pid_t> masters = masters_of(in.prefix);
  const int exit_code = leave(in, masters, SIGQUIT);
  if (!in.has_timeout || exit_code != kExitDone) return exit_code;
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (const pid_t pid : masters) {
    const std::uint64_t waited_ms = (base::monotonic_now_us() - begun_us) / 1000;
    const std::uint64_t left_ms = in.timeout_ms > waited_ms ? in.timeout_ms - waited_ms : 0;
    if (PidFile::wait_until_gone(in.prefix, pid, static_cast<int>(left_ms))) continue;
    std::fprintf(stderr, "apisix: not drained within %llu s: stopping\n",
                 static_cast<unsigned long long>(in.timeout_ms / 1000));
    return run_stop(in);
  }
  return kExitDone;
}

}  // namespace apisix::master
