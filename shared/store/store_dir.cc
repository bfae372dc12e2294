#include "shared/store/store_dir.h"

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

namespace apisix::store {
namespace {

constexpr int kOpeningLockTries = 1000;
constexpr long kOpeningLockPauseNs = 10'000'000;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Whose rights the file system sees; -1 changes nothing and returns the current one.
unsigned acting_user() {
  return static_cast<unsigned>(setfsuid(static_cast<uid_t>(-1)));
}

bool acts_for(const std::optional<Owner>& owner) {
  return owner && owner->user != 0 && geteuid() == 0;
}

// What root made before nginx_config.user was set. A second name (a hard link) may be another user's file.
void give_to(const Owner& owner, const std::string& path) {
  const StoreFd file(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat about{};
  if (!file || fstat(file.get(), &about) != 0) return;
  if (about.st_uid != 0 || !S_ISREG(about.st_mode) || about.st_nlink != 1) return;
  // A failure shows as "permission denied" when the file is opened.
  (void)!fchownat(file.get(), "", owner.user, owner.group, AT_EMPTY_PATH);
}

}  // namespace

OwnerScope::OwnerScope(std::optional<Owner> owner) : owner_(owner), active_(acts_for(owner)) {
  if (!active_) return;
  group_before_ = static_cast<gid_t>(setfsgid(owner->group));
  user_before_ = static_cast<uid_t>(setfsuid(owner->user));
}

OwnerScope::~OwnerScope() {
  if (!active_) return;
  setfsuid(user_before_);
  setfsgid(group_before_);
}

base::Status OwnerScope::status() const {
  if (!active_ || acting_user() == owner_->user) return {};
  return base::fail(
      base::ErrorCode::kIo, base::ErrorSource::kStore,
      fmt::format("cannot act for user {}: the store must be opened before this process gives up "
                  "CAP_SETUID and CAP_SETGID",
                  owner_->user));
}

StoreFd::~StoreFd() {
  if (fd_ >= 0) close(fd_);
}

std::string notice_path(const std::string& store_path) {
  return store_path + "-notice";
}

base::Status make_store_dir(const std::string& store_path, std::optional<Owner> owner) {
  const std::string directory = directory_of(store_path);
  const bool made = mkdir(directory.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    return base::system_error("cannot make the store's directory " + directory, errno);
  }
  if (!acts_for(owner)) return {};
  if (made && lchown(directory.c_str(), owner->user, owner->group) != 0) {
    return base::system_error("cannot give away the store's directory " + directory, errno);
  }
  give_to(*owner, store_path);
  give_to(*owner, store_path + "-lock");
  give_to(*owner, notice_path(store_path));
  return {};
}

base::Result<StoreFd> open_notice_file(const std::string& store_path, bool create) {
  const std::string path = notice_path(store_path);
  const int flags = (create ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW;
  StoreFd file(open(path.c_str(), flags, 0600));
  if (!file && errno == ENOENT && !create) return file;
  if (!file) {
    return base::system_error(fmt::format("{}: cannot open it as user {}", path, acting_user()), errno);
  }
  // One byte, for announce_change() to read.
  struct stat about{};
  if (create && fstat(file.get(), &about) == 0 && about.st_size == 0 && pwrite(file.get(), "\n", 1, 0) != 1) {
    return base::system_error(path + ": cannot write to it", errno);
  }
  return file;
}

void announce_change(const StoreFd& notice_file) {
  char byte;
  (void)!pread(notice_file.get(), &byte, 1, 0);
}

base::Result<OpeningLock> OpeningLock::take(int notice_file, const std::string& store_path) {
  StoreFd file(fcntl(notice_file, F_DUPFD_CLOEXEC, 0));
  for (int tries = 0; tries < kOpeningLockTries; ++tries) {
    if (flock(file.get(), LOCK_EX | LOCK_NB) == 0) return OpeningLock(std::move(file));
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return base::system_error(notice_path(store_path) + ": cannot lock it", errno);
    }
    const timespec pause{0, kOpeningLockPauseNs};
    nanosleep(&pause, nullptr);
  }
  return base::fail(base::ErrorCode::kTimeout, base::ErrorSource::kStore,
                    store_path + ": another process has been opening it for 10 s; is it stopped?", true);
}

OpeningLock::~OpeningLock() {
  if (file_) flock(file_.get(), LOCK_UN);
}

base::Status sync_dir_of(const std::string& path) {
  const std::string directory = directory_of(path);
  const StoreFd file(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || fsync(file.get()) != 0) return base::system_error("cannot sync " + directory, errno);
  return {};
}

}  // namespace apisix::store
