// The directory of the local store: made on first use, with the owner that the workers will be, and a lock
// that one process at a time holds while it opens the store. The notice file beside the store is that
// lock, and is what processes wake each other by (change_notice.h).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "shared/base/result.h"
#include "shared/store/local_store_options.h"

namespace apisix::store {

// While it lives, root touches the file system as `owner`: what is made belongs to the owner, and a link
// that the owner planted reaches nothing that the owner could not reach itself. Else it does nothing.
class OwnerScope {
 public:
  explicit OwnerScope(std::optional<Owner> owner);
  ~OwnerScope();
  OwnerScope(const OwnerScope&) = delete;
  OwnerScope& operator=(const OwnerScope&) = delete;

  // Fails for a root that gave up the capability to act for others.
  base::Status status() const;

 private:
  std::optional<Owner> owner_;
  bool active_;
  uid_t user_before_ = 0;
  gid_t group_before_ = 0;
};

// An open descriptor that closes itself.
class StoreFd {
 public:
  explicit StoreFd(int fd = -1) : fd_(fd) {}
  StoreFd(StoreFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  StoreFd& operator=(StoreFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~StoreFd();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string notice_path(const std::string& store_path);

// Makes the directory of `store_path` (one level, mode 0700) when it is missing; gives files that root left
// there to `owner`.
base::Status make_store_dir(const std::string& store_path, std::optional<Owner> owner);

// Opens the notice file, making it when `create`; nothing when it is not there.
base::Result<StoreFd> open_notice_file(const std::string& store_path, bool create);

// Tells every process that has the store open that it changed (change_notice.h). To tell is to read one
// byte, which an inotify watch for reads sees: unlike a write it waits for no journal of the file system
// while others sync, and works on a full disk. From any thread.
void announce_change(const StoreFd& notice_file);

// Holds the lock of the notice file until it is destroyed. Waits for at most 10 s: opening takes
// milliseconds, so that who holds it longer is stopped or stuck.
class OpeningLock {
 public:
  static base::Result<OpeningLock> take(int notice_file, const std::string& store_path);
  OpeningLock(OpeningLock&&) = default;
  ~OpeningLock();

 private:
  explicit OpeningLock(StoreFd file) : file_(std::move(file)) {}
  StoreFd file_;  // one of its own: the caller's may be closed first
};

// Makes the names in the directory of `path` survive a power loss.
base::Status sync_dir_of(const std::string& path);

}  // namespace apisix::store
