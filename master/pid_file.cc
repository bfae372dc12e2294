#include "master/pid_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/text.h"

namespace apisix::master {
namespace {

constexpr int kPollMs = 10;

std::string read_text(int fd) {
  std::array<char, 64> text;
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  return std::string(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
}

pid_t parse_pid(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return base::parse_integer<pid_t>(text).value_or(0);
}

bool is_same_file(int fd, const std::string& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

PidFile::Holder holder_of(const std::string& file) {
  using Kind = PidFile::Holder::Kind;
  const base::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const pid_t pid = parse_pid(read_text(fd.get()));
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) return {Kind::kRunning, pid};
  if (pid <= 0) return {Kind::kInvalid, 0};
  return {PidFile::is_gateway(pid) ? Kind::kRunning : Kind::kStale, pid};
}

}  // namespace

bool PidFile::is_gateway(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  const std::string title{std::istreambuf_iterator<char>(file), {}};
  return title.starts_with("nginx: master process") || title.starts_with("apisix: master process");
}

PidFile::Holder PidFile::holder(const std::string& prefix) {
  return holder_of(path(prefix));
}

PidFile::Holder PidFile::old_holder(const std::string& prefix) {
  return holder_of(old_path(prefix));
}

bool PidFile::wait_until_free(const std::string& prefix, int timeout_ms) {
  const std::uint64_t start_us = base::monotonic_now_us();
  while (holder(prefix).kind == Holder::Kind::kRunning) {
    const std::uint64_t waited_ms = (base::monotonic_now_us() - start_us) / 1000;
    if (timeout_ms >= 0 && waited_ms >= static_cast<std::uint64_t>(timeout_ms)) return false;
    ::usleep(kPollMs * 1000);
  }
  return true;
}

bool PidFile::wait_until_gone(const std::string& prefix, pid_t pid, int timeout_ms) {
  const base::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process && errno == ESRCH) return true;
  // An old kernel, or a sandbox that forbids the call.
  if (!process) return wait_until_free(prefix, timeout_ms);
  pollfd ended{process.get(), POLLIN, 0};
  const std::uint64_t start_us = base::monotonic_now_us();
  for (;;) {
    const auto waited_ms = static_cast<int>((base::monotonic_now_us() - start_us) / 1000);
    const int changed = ::poll(&ended, 1, timeout_ms < 0 ? -1 : std::max(timeout_ms - waited_ms, 0));
    if (changed >= 0 || errno != EINTR) return changed > 0;
  }
}

base::Result<PidFile> PidFile::take(const std::string& prefix) {
  const std::string file = path(prefix);
  for (;;) {
    base::UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd) return base::system_error("cannot open " + file, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kGateway,
                        file + " is locked: another master process runs");
    }
    // An old master may have deleted the file between our open and our lock.
    if (is_same_file(fd.get(), file)) return PidFile(prefix, std::move(fd));
  }
}

base::Status PidFile::write() {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return base::system_error("cannot write " + path_, errno);
  }
  return {};
}

base::Status PidFile::set_aside() {
  const std::string aside = old_path(prefix_);
  if (::rename(path_.c_str(), aside.c_str()) != 0) {
    return base::system_error("cannot rename " + path_ + " to " + aside, errno);
  }
  path_ = aside;
  return {};
}

base::Status PidFile::put_back() {
  const std::string usual = path(prefix_);
  if (path_ == usual) return {};
  if (::rename(path_.c_str(), usual.c_str()) != 0) {
    return base::system_error("cannot rename " + path_ + " to " + usual, errno);
  }
  path_ = usual;
  return {};
}

void PidFile::remove() {
  if (fd_ && is_same_file(fd_.get(), path_)) ::unlink(path_.c_str());
  fd_.reset();
}

}  // namespace apisix::master
