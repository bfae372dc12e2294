#include "master/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/file.h"

namespace apisix::master {
namespace {

constexpr int kExitPollMs = 10;

std::unexpected<base::Error> has_ended(pid_t pid) {
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kClient,
                    "process " + std::to_string(pid) + " has ended");
}

// A zombie has: its parent may never ask for it, as the first process of some containers.
bool has_died(pid_t pid) {
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  const auto stat = base::read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto state = stat ? stat->rfind(") ") : std::string::npos;
  return state != std::string::npos && stat->substr(state).starts_with(") Z");
}

}  // namespace

base::Result<Process> Process::open(pid_t pid) {
  base::UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd && (errno == ESRCH || errno == EINVAL)) return has_ended(pid);
  return Process(pid, std::move(fd));
}

base::Status Process::signal(int number) const {
  const int done = fd_ ? static_cast<int>(::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0))
                       : ::kill(pid_, number);
  if (done == 0) return {};
  if (errno == ESRCH) return has_ended(pid_);
  return base::system_error("cannot signal process " + std::to_string(pid_), errno);
}

bool Process::wait_for_end(int timeout_ms) const {
  const std::uint64_t start_us = base::monotonic_now_us();
  for (;;) {
    const auto waited_ms = static_cast<int>((base::monotonic_now_us() - start_us) / 1000);
    const int left_ms = timeout_ms < 0 ? -1 : std::max(timeout_ms - waited_ms, 0);
    if (!fd_) {
      if (has_died(pid_)) return true;
      if (left_ms == 0) return false;
      ::usleep(kExitPollMs * 1000);
      continue;
    }
    pollfd ended{fd_.get(), POLLIN, 0};
    const int changed = ::poll(&ended, 1, left_ms);
    if (changed >= 0 || errno != EINTR) return changed > 0;
  }
}

}  // namespace apisix::master
