#include "master/pid_file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/identity.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/open_file.h"
#include "shared/base/text.h"

namespace apisix::master {
namespace {

constexpr int kPidFilePollMs = 10;

std::string read_text(int fd) {
  std::array<char, 64> text;
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  return std::string(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
}

pid_t parse_pid(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return base::parse_integer<pid_t>(text).value_or(0);
}

bool is_regular(int fd) {
  struct stat about{};
  return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

bool is_same_file(int fd, const std::string& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

// None that is no regular file: a FIFO would make us wait.
base::UniqueFd open_to_look(const std::string& file) {
  auto opened = base::open_file(file, O_RDONLY | O_NONBLOCK);
  if (!opened || !is_regular(opened->fd.get())) return {};
  return std::move(opened->fd);
}

PidFile::Holder holder_of(const std::string& prefix, const std::string& file) {
  using Kind = PidFile::Holder::Kind;
  const base::UniqueFd fd = open_to_look(file);
  if (!fd) return {};
  const pid_t written = parse_pid(read_text(fd.get()));
  for (const pid_t pid : {lock_owner(fd.get()), written}) {
    if (is_master_of(prefix, pid)) return {Kind::kRunning, pid, written};
  }
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) return {Kind::kRunning, 0, written};
  return {written > 0 ? Kind::kStale : Kind::kInvalid, 0, written};
}

}  // namespace

PidFile::Holder PidFile::holder(const std::string& prefix) {
  return holder_of(prefix, path(prefix));
}

PidFile::Holder PidFile::old_holder(const std::string& prefix) {
  return holder_of(prefix, old_path(prefix));
}

bool PidFile::wait_until_free(const std::string& prefix, int timeout_ms) {
  const std::uint64_t start_us = base::monotonic_now_us();
  while (holder(prefix).kind == Holder::Kind::kRunning) {
    const std::uint64_t waited_ms = (base::monotonic_now_us() - start_us) / 1000;
    if (timeout_ms >= 0 && waited_ms >= static_cast<std::uint64_t>(timeout_ms)) return false;
    ::usleep(kPidFilePollMs * 1000);
  }
  return true;
}

base::Result<PidFile> PidFile::take(const std::string& prefix) {
  const std::string file = path(prefix);
  for (;;) {
    auto opened = base::open_file(file, O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    if (!opened) return std::unexpected(opened.error());
    base::UniqueFd fd = std::move(opened->fd);
    if (!is_regular(fd.get())) return base::invalid(file + " is not a regular file: remove it");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kGateway,
                        file + " is locked: another master process runs");
    }
    // An old master may have deleted the file between our open and our lock.
    if (is_same_file(fd.get(), file)) return PidFile(prefix, std::move(fd));
  }
}

// Not there on some file systems (NFS has one kind of lock only): then the open file has to do as a proof.
void PidFile::lock_record() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd_.get(), F_SETLK, &lock) != 0) base::log_info("no record lock on {}", path_);
}

base::Status PidFile::write() {
  lock_record();
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
