// apisix stop: returns when all processes are gone, so that the ports are free. apisix quit only starts the
// draining, which may take minutes. Stopping what does not run is no failure, as with APISIX. While an old
// master still drains after an upgrade, it is meant too.
#include <csignal>
#include <cstdio>

#include "master/running.h"
#include "shared/base/clock.h"

namespace apisix::master {
namespace {

// The masters that got the signal; none: there is none, which `exit_code` does not mind.
std::vector<Process> leave(const Invocation& in, int signal_number, int& exit_code) {
  exit_code = kExitDone;
  forget_customized_config(in.prefix);
  auto masters = masters_to_signal(in.prefix);
  if (!masters) {
    static_cast<void>(failed(masters.error()));
    if (masters.error().code != base::ErrorCode::kNotFound) exit_code = kExitFailed;
    return {};
  }
  for (const Process& master : *masters) {
    const auto sent = master.signal(signal_number);
    if (!sent && sent.error().code != base::ErrorCode::kNotFound) exit_code = failed(sent.error());
  }
  return std::move(*masters);
}

}  // namespace

int run_stop(const Invocation& in) {
  int exit_code = kExitDone;
  const auto masters = leave(in, SIGTERM, exit_code);
  if (exit_code != kExitDone) return exit_code;
  for (const Process& master : masters) master.wait_for_end();
  return kExitDone;
}

int run_quit(const Invocation& in) {
  int exit_code = kExitDone;
  const auto masters = leave(in, SIGQUIT, exit_code);
  if (!in.has_timeout || exit_code != kExitDone) return exit_code;
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (const Process& master : masters) {
    const std::uint64_t waited_ms = (base::monotonic_now_us() - begun_us) / 1000;
    const std::uint64_t left_ms = in.timeout_ms > waited_ms ? in.timeout_ms - waited_ms : 0;
    if (master.wait_for_end(static_cast<int>(left_ms))) continue;
    std::fprintf(stderr, "apisix: not drained within %llu s: stopping\n",
                 static_cast<unsigned long long>(in.timeout_ms / 1000));
    return run_stop(in);
  }
  return kExitDone;
}

}  // namespace apisix::master
