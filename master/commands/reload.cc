// apisix reload: checks the new config.yaml here, on the terminal, then signals the master and
// waits until the new configuration serves, or the master says why it does not.
#include <csignal>

#include "master/change_report.h"
#include "master/document.h"
#include "master/running.h"

namespace apisix::master {
namespace {

// Beyond the master's own limit for a generation to be ready.
constexpr std::uint64_t kReloadPatienceMs = 5'000;

int reload_and_wait(const Invocation& in) {
  const auto masters = masters_to_signal(in.prefix);
  if (!masters) return failed(masters.error());
  auto report = ChangeReport::of(in.prefix, masters->front());
  if (!report && report.error().code == base::ErrorCode::kUnavailable) return failed(report.error());
  if (!report) {
    // An nginx-based APISIX, or a master of another layout: it takes the signal, but cannot be watched.
    const auto sent = masters->front().signal(SIGHUP);
    return sent ? kExitDone : failed(sent.error());
  }
  const auto changed = report->change(SIGHUP, in.timeout_ms + kReloadPatienceMs);
  if (changed) return kExitDone;
  base::Error error = changed.error();
  if (error.code == base::ErrorCode::kUnavailable)
    error.what = "not reloaded, the old configuration stays in use: " + error.what;
  return failed(error);
}

}  // namespace

int run_reload(const Invocation& in) {
  const auto path = current_config(in);
  const auto setup = path ? make_setup(in.prefix, *path) : std::unexpected(path.error());
  if (!setup) return failed(setup.error());
  // The new workers would go on with the last good one, which is no reason to refuse.
  if (const auto readable = check_document(**setup); !readable) {
    (*setup)->warnings.push_back(readable.error().what + ": the last good configuration stays in force");
  }
  print_remarks(**setup);
  // The master reads the remembered path.
  if (!in.config.empty()) {
    if (const auto chosen = choose_config(in); !chosen) return failed(chosen.error());
  }
  return reload_and_wait(in);
}

}  // namespace apisix::master
