#include "master/child.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "master/privileges.h"
#include "master/service_notifier.h"
#include "master/setup.h"
#include "master/signals.h"
#include "privileged-agent/agent.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/process_title.h"
#include "worker/worker.h"

#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

namespace apisix::master {
namespace {

constexpr int kExitNotSetUp = 2;
// A closed channel ends a child whose master is gone; this is for one whose event loop hangs.
constexpr int kMasterDied = SIGUSR2;

// Everything that was the master's: its epoll, its signals, the other children's channels and sockets.
void close_all_but(std::vector<int> kept) {
  std::ranges::sort(kept);
  unsigned int from = 0;
  for (const int fd : kept) {
    const auto at = static_cast<unsigned int>(fd);
    if (fd < 0 || at < from) continue;
    if (at > from) ::close_range(from, at - 1, 0);
    from = at + 1;
  }
  ::close_range(from, ~0U, 0);
}

void close_foreign_descriptors(const Birth& birth, int channel_fd) {
  std::vector<int> kept = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, base::error_log_fd(), channel_fd};
  for (const auto& socket : birth.sockets) kept.push_back(socket.fd);
  close_all_but(std::move(kept));
}

// Worker n on the n-th of the cores that we may use.
void pin_to_core(int index) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  int skip = index % std::max(CPU_COUNT(&allowed), 1);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || skip-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    ::sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// nginx_config.envs: "NAME=value" sets; a bare "NAME" is inherited anyway.
void set_environment(const std::vector<std::string>& entries) {
  for (const std::string& entry : entries) {
    const std::size_t at = entry.find('=');
    if (at != std::string::npos) ::setenv(entry.substr(0, at).c_str(), entry.c_str() + at + 1, 1);
  }
}

base::Status drop_privileges(const Birth& birth) {
  if (birth.role == memory::ChildRole::kAgent) {
    return keep_capabilities(agent_capabilities(birth.setup.settings));
  }
  if (birth.setup.identity) return become(*birth.setup.identity);
  // Not root: what the service manager gave the master (low ports) is nothing for those who talk to
  // strangers.
  return ::geteuid() != 0 ? keep_capabilities({}) : base::Status{};
}

base::Status set_up(const Birth& birth, int channel_fd, pid_t master) {
  const bool is_worker = birth.role == memory::ChildRole::kWorker;
  const auto& config = birth.setup.settings.nginx_config;
  Signals::reset_in_child();
  close_foreign_descriptors(birth, channel_fd);
  base::set_process_title(is_worker ? "worker process" : "privileged agent process");
  ServiceNotifier::forget();
  set_environment(config.envs);
  if (const auto note = raise_open_files(config.worker_rlimit_nofile)) base::log_info("{}", *note);
  if (is_worker && config.enable_cpu_affinity) pin_to_core(birth.index);
  if (auto dropped = drop_privileges(birth); !dropped) return dropped;
  // After the change of user, which clears it. The master may have died before.
  ::signal(kMasterDied, [](int) { ::alarm(channel::kOrphanLimitMs / 1000 + channel::kOrphanGraceS); });
  ::prctl(PR_SET_PDEATHSIG, kMasterDied);
  if (::getppid() != master) ::_exit(0);
  return {};
}

int run_role(const Birth& birth, channel::ChildEnd channel, memory::StatusSlot& slot) {
  const Setup& setup = birth.setup;
  const channel::StoreFile store{setup.store.device, setup.store.inode, birth.store_is_checked};
  if (birth.role == memory::ChildRole::kAgent) {
    return birth.roles.agent({.settings = setup.settings,
                              .sockets = birth.sockets,
                              .channel = std::move(channel),
                              .zones = birth.zones,
                              .slot = slot,
                              .workers = setup.workers,
                              .generation = birth.generation,
                              .store = store,
                              .prefix = setup.prefix,
                              .config_path = setup.config_path,
                              .instance_id = setup.instance_id});
  }
  return birth.roles.worker({.settings = setup.settings,
                             .sockets = birth.sockets,
                             .channel = std::move(channel),
                             .zones = birth.zones,
                             .slot = slot,
                             .worker_index = birth.index,
                             .workers = setup.workers,
                             .generation = birth.generation,
                             .is_successor = birth.is_successor,
                             .interprets_lua = birth.interprets_lua,
                             .store = store,
                             .prefix = setup.prefix,
                             .config_path = setup.config_path,
                             .instance_id = setup.instance_id,
                             .admin_certificate = setup.admin_certificate});
}

[[noreturn]] void live(const Birth& birth, channel::ChildEnd channel, memory::StatusSlot& slot,
                       pid_t master) {
  slot.pid.store(::getpid());
  int code = kExitNotSetUp;
  if (auto ready = set_up(birth, channel.fd(), master); !ready) {
    base::log_error("{}", ready.error().what);
    [[maybe_unused]] const auto sent = channel.send(channel::MessageKind::kFailed, ready.error().what);
  } else {
    code = run_role(birth, std::move(channel), slot);
  }
#if __has_feature(address_sanitizer)
  __lsan_do_leak_check();
#endif
  // Not exit(): what the master had built before the fork is not this process's to take down.
  ::_exit(code);
}

}  // namespace

const Roles& real_roles() {
  static constexpr Roles kRoles = {worker::worker_main, agent::agent_main};
  return kRoles;
}

base::Result<Child> give_birth(const Birth& birth) {
  auto pair = channel::make_channel();
  if (!pair) return std::unexpected(pair.error());
  memory::StatusSlot* slot =
      birth.zones.status.claim(birth.role, static_cast<std::uint16_t>(birth.index), birth.generation);
  if (slot == nullptr) {
    return base::fail(base::ErrorCode::kTooLarge, base::ErrorSource::kGateway,
                      "no free slot in the status zone: too many processes are draining");
  }
  const pid_t master = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) live(birth, std::move(pair->child), *slot, master);
  if (pid < 0) {
    const int error_number = errno;
    birth.zones.reclaim(*slot);
    return base::system_error("cannot fork", error_number);
  }
  slot->pid.store(pid);
  return Child{pid, std::move(pair->master), slot, base::monotonic_now_us() / 1000, {}};
}

}  // namespace apisix::master
