// apisix start: returns when all workers are Ready, or with the reason why they are not.
#include <csignal>
#include <cstdio>

#include <unistd.h>

#include "master/document.h"
#include "master/pid_file.h"
#include "master/running.h"
#include "master/start_report.h"
#include "master/supervisor.h"
#include "shared/base/log.h"
#include "shared/base/process_title.h"

namespace apisix::master {
namespace {

constexpr int kOldMasterWaitMs = 3'000;

// False: somebody is there already. The texts are APISIX's, on standard output as there.
bool make_way(const std::string& prefix) {
  using Kind = PidFile::Holder::Kind;
  PidFile::wait_until_free(prefix, kOldMasterWaitMs);
  const PidFile::Holder holder = PidFile::holder(prefix);
  if (holder.kind == Kind::kRunning) {
    std::puts("the old APISIX is still running, the new one will not start");
    return false;
  }
  if (holder.kind == Kind::kStale) {
    std::printf(
        "nginx.pid exists but there's no corresponding process with pid %d, the file will be overwritten\n",
        holder.pid);
  }
  if (holder.kind == Kind::kInvalid) std::puts("nginx.pid holds no pid, the file will be overwritten");
  return true;
}

// Everything that can fail while the terminal is still there.
base::Result<Supervisor::Start> prepare(const Invocation& in, const std::string& config_path) {
  auto setup = make_setup(in.prefix, config_path);
  if (!setup) return std::unexpected(setup.error());
  if (auto readable = check_document(**setup); !readable) return std::unexpected(readable.error());
  auto pid_file = PidFile::take(in.prefix);
  if (!pid_file) return std::unexpected(pid_file.error());
  forget_kept_configuration(in.prefix);
  if (auto opened = open_error_log_of(**setup); !opened) return std::unexpected(opened.error());
  if (const auto limited = raise_open_files((*setup)->settings.nginx_config.worker_rlimit_nofile)) {
    (*setup)->warnings.push_back(*limited);
  }
  const int per_address = (*setup)->settings.apisix.enable_reuseport ? (*setup)->workers : 1;
  auto listeners = Listeners::open(wanted_listeners((*setup)->settings), per_address, {});
  if (!listeners) return std::unexpected(listeners.error());
  for (const std::string& note : listeners->notes()) (*setup)->notes.push_back(note);
  auto zones = memory::Zones::create(zone_plan(**setup));
  if (!zones) return std::unexpected(zones.error());
  return Supervisor::Start{.setup = std::move(*setup),
                           .listeners = std::move(*listeners),
                           .zones = std::move(*zones),
                           .pid_file = std::move(*pid_file),
                           .report = {},
                           .in_foreground = in.in_foreground};
}

}  // namespace

int launch(const Invocation& in, const std::string& config_path) {
  auto start = prepare(in, config_path);
  if (!start) return failed(start.error());
  print_remarks(*start->setup);
  if (!in.in_foreground) {
    Daemon daemon = become_daemon();
    if (daemon.is_parent) return daemon.exit_code;
    start->report = std::move(daemon.report);
    leave_terminal();
  }
  // Relative paths in config.yaml are meant from the prefix.
  if (::chdir(in.prefix.c_str()) != 0) base::log_warn("cannot change into {}", in.prefix);
  base::set_process_title("master process " + in.command_line);
  return Supervisor(std::move(*start)).run();
}

int run_start(const Invocation& in) {
  const auto config_path = choose_config(in);
  if (!config_path) return failed(config_path.error());
  if (!make_way(in.prefix)) return kExitFailed;
  return launch(in, *config_path);
}

}  // namespace apisix::master
