// apisix upgrade: the running gateway is replaced by the binary that is now at its path, without closing a
// port. Returns when the new one serves; what the old one still serves (WebSockets, downloads) ends in its
// own time.
#include <csignal>
#include <cstdio>

#include "master/change_report.h"
#include "master/pid_file.h"
#include "master/running.h"

namespace apisix::master {
namespace {

// Beyond the master's own limits for a new binary to be ready, and to leave when it is not.
constexpr std::uint64_t kUpgradePatienceMs = 20'000;

}  // namespace

int run_upgrade(const Invocation& in) {
  if (const int code = run_test(in); code != kExitDone) return code;
  const auto masters = masters_to_signal(in.prefix);
  if (!masters) return failed(masters.error());
  auto report = ChangeReport::of(in.prefix, masters->front());
  if (!report) return failed(report.error());
  const auto changed = report->change(SIGUSR2, in.timeout_ms + kUpgradePatienceMs);
  if (!changed) {
    base::Error error = changed.error();
    if (error.code == base::ErrorCode::kUnavailable)
      error.what = "not upgraded, the old binary stays in use: " + error.what;
    return failed(error);
  }
  std::printf("upgraded: process %d replaces %d\n", PidFile::holder(in.prefix).pid, masters->front().pid());
  return kExitDone;
}

}  // namespace apisix::master
