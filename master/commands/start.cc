// apisix start: returns when all workers are Ready, or with the reason why they are not.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "master/document.h"
#include "master/identity.h"
#include "master/inheritance.h"
#include "master/pid_file.h"
#include "master/running.h"
#include "master/start_report.h"
#include "master/store_file.h"
#include "master/supervisor.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/process_title.h"

namespace apisix::master {
namespace {

constexpr int kOldMasterWaitMs = 3'000;
constexpr std::uint64_t kOldWorkersWaitMs = 3'000;
constexpr int kStartPollMs = 20;

// False: an instance runs already. The texts are APISIX's, on standard output as there.
bool make_way(const std::string& prefix) {
  using Kind = PidFile::Holder::Kind;
  PidFile::wait_until_free(prefix, kOldMasterWaitMs);
  const PidFile::Holder holder = PidFile::holder(prefix);
  // Its pid file may have been deleted or replaced.
  if (holder.kind == Kind::kRunning || !masters_with(PidFile::path(prefix)).empty()) {
    std::puts("the old APISIX is still running, the new one will not start");
    return false;
  }
  if (holder.kind == Kind::kStale) {
    std::printf(
        "nginx.pid exists but there's no corresponding process with pid %d, the file will be overwritten\n",
        holder.written);
  }
  if (holder.kind == Kind::kInvalid) std::puts("nginx.pid holds no pid, the file will be overwritten");
  return true;
}

// What `start` needs to be done again by a later binary, from whatever folder.
Program program_of(const Invocation& in) {
  Program out{in.program,
              {in.program, "start", "-p", in.prefix, "--timeout", std::to_string(in.timeout_ms / 1000)}};
  if (in.in_foreground) out.arguments.emplace_back("--foreground");
  return out;
}

// A master that was killed leaves workers behind that may need a moment to close their ports.
base::Result<Listeners> open_ports(const Setup& setup, const Listeners& inherited, bool somebody_died) {
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (;;) {
    auto listeners = open_listeners(setup, inherited);
    const bool is_late = base::monotonic_now_us() - begun_us > kOldWorkersWaitMs * 1000;
    if (listeners || !somebody_died || is_late) return listeners;
    ::usleep(kStartPollMs * 1000);
  }
}

// Everything that can fail while the caller still waits for the result.
base::Result<Supervisor::Start> prepare(const Invocation& in, Inheritance& inheritance,
                                        const std::string& config_path) {
  auto setup = make_setup(in.prefix, config_path);
  if (!setup) return std::unexpected(setup.error());
  const bool replaces_a_master = inheritance.replaces_a_master();
  if (auto readable = check_document(**setup); !readable) {
    // A new binary goes on with the last good one, as after a reload.
    if (!replaces_a_master) return std::unexpected(readable.error());
    (*setup)->warnings.push_back(readable.error().what + ": the last good configuration stays in force");
  }
  (*setup)->ready_timeout_ms = in.timeout_ms;
  const bool somebody_died = PidFile::holder(in.prefix).kind == PidFile::Holder::Kind::kStale;
  auto pid_file = PidFile::take(in.prefix);
  if (!pid_file) return std::unexpected(pid_file.error());
  if (!replaces_a_master) forget_kept_configuration(in.prefix);
  if (auto opened = open_error_log_of(**setup); !opened) return std::unexpected(opened.error());
  const auto use = replaces_a_master ? StoreUse::kReload : StoreUse::kFirst;
  FoundStore in_use;
  in_use.device = inheritance.store.device;
  in_use.inode = inheritance.store.inode;
  if (auto whole = prepare_store(**setup, use, in_use); !whole) return std::unexpected(whole.error());
  if (const auto limited = raise_open_files((*setup)->settings.nginx_config.worker_rlimit_nofile)) {
    (*setup)->warnings.push_back(*limited);
  }
  auto inherited = Listeners::adopt(std::move(inheritance.sockets));
  auto listeners = open_ports(**setup, inherited, somebody_died);
  if (!listeners) return std::unexpected(listeners.error());
  for (const Listeners* each : {&inherited, &*listeners}) {
    (*setup)->notes.insert((*setup)->notes.end(), each->notes().begin(), each->notes().end());
  }
  if (!replaces_a_master) {
    for (const std::string& address : inherited.addresses_not_in(*listeners)) {
      (*setup)->warnings.push_back(address + " was given to us, but is not in config.yaml: nobody serves it");
    }
  }
  auto zones = memory::Zones::open(
      zone_plan(**setup), [&](const std::string& name) { return inheritance.take_zone(name).release(); },
      (*setup)->notes);
  if (!zones) return std::unexpected(zones.error());
  return Supervisor::Start{.setup = std::move(*setup),
                           .listeners = std::move(*listeners),
                           .inherited = std::move(inherited),
                           .zones = std::move(*zones),
                           .pid_file = std::move(*pid_file),
                           .report = {},
                           .program = program_of(in),
                           .in_foreground = in.in_foreground,
                           .replaces_a_master = false,
                           .last_generation = inheritance.generation};
}

// Workers ask for it: relative paths of plugins begin there.
void remember_folder_of_start() {
  std::error_code none;
  const std::string folder = std::filesystem::current_path(none).string();
  if (!none) ::setenv("APISIX_STARTED_IN", folder.c_str(), 1);
}

int supervise(const Invocation& in, Supervisor::Start start) {
  if (!in.in_foreground) leave_terminal();
  if (!start.replaces_a_master) remember_folder_of_start();
  // Relative paths in config.yaml are meant from the prefix.
  if (::chdir(in.prefix.c_str()) != 0) base::log_warn("cannot change into {}", in.prefix);
  base::set_process_title("master process " + in.command_line);
  return Supervisor(std::move(start)).run();
}

// Executed by the master that is to be replaced, which waits for our report.
int replace_master(const Invocation& in, Inheritance inheritance) {
  StartReport report(std::move(inheritance.report));
  inheritance.report.reset();
  const auto config_path = current_config(in);
  auto start = config_path ? prepare(in, inheritance, *config_path) : std::unexpected(config_path.error());
  if (!start) {
    report.failed(start.error().what);
    return kExitFailed;
  }
  for (const std::string& warning : start->setup->warnings) base::log_warn("{}", warning);
  start->replaces_a_master = true;
  start->report = std::move(report);
  return supervise(in, std::move(*start));
}

int launch(const Invocation& in, const std::string& config_path, Inheritance inheritance) {
  auto start = prepare(in, inheritance, config_path);
  if (!start) return failed(start.error());
  print_remarks(*start->setup);
  if (!in.in_foreground) {
    Daemon daemon = become_daemon();
    if (daemon.is_parent) return daemon.exit_code;
    start->report = std::move(daemon.report);
  }
  return supervise(in, std::move(*start));
}

}  // namespace

int run_start(const Invocation& in) {
  auto inheritance = take_inheritance();
  if (!inheritance) return failed(inheritance.error());
  if (inheritance->replaces_a_master()) return replace_master(in, std::move(*inheritance));
  const auto config_path = choose_config(in);
  if (!config_path) return failed(config_path.error());
  if (!make_way(in.prefix)) return kExitFailed;
  return launch(in, *config_path, std::move(*inheritance));
}

}  // namespace apisix::master
