#include "shared/base/open_file.h"

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace apisix::base {
namespace {

constexpr int kLinksMax = 40;  // the kernel's own limit
constexpr int kRacesMax = 10;  // another process makes and removes the file meanwhile
constexpr int kFolderFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;

bool is_trusted(uid_t owner) {
  return owner == 0 || owner == ::geteuid();
}

bool is_in_procfs(int fd) {
  struct statfs about{};
  return ::fstatfs(fd, &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

std::unexpected<Error> cannot(std::string_view doing, const std::string& path, int error_number) {
  return system_error(fmt::format("cannot {} {}", doing, path), error_number);
}

std::unexpected<Error> refused(const std::string& path, uid_t link_owner) {
  return fail(ErrorCode::kInvalid, ErrorSource::kGateway,
              fmt::format("{}: a symbolic link of user {} leads to what is not theirs: it is not followed",
                          path, link_owner));
}

// Follows a path component by component. Each link is held open while it is looked at, so that none can be
// exchanged in between.
class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path), rest_(path) {}

  Result<Place> run() {
    if (!start_at_root_or_here()) return cannot("open", path_, errno);
    for (;;) {
      const std::string component = next_component();
      if (component.empty()) return cannot("open", path_, EISDIR);
      const auto link = is_link(component);
      if (!link) return std::unexpected(link.error());
      if (*link) continue;
      if (rest_.empty()) {
        place_.name = component;
        return std::move(place_);
      }
      if (!enter(component)) return cannot("open", path_, errno);
    }
  }

 private:
  bool start_at_root_or_here() {
    place_.folder.reset(::open(rest_.starts_with('/') ? "/" : ".", kFolderFlags));
    return static_cast<bool>(place_.folder);
  }

  // Takes it off `rest_`, with the slashes around it.
  std::string next_component() {
    rest_.erase(0, rest_.find_first_not_of('/'));
    const std::size_t length = std::min(rest_.find('/'), rest_.size());
    std::string out = rest_.substr(0, length);
    rest_.erase(0, length);
    if (const auto more = rest_.find_first_not_of('/'); more == std::string::npos) rest_.clear();
    return out;
  }

  bool enter(const std::string& component) {
    place_.folder.reset(::openat(place_.folder.get(), component.c_str(), kFolderFlags | O_NOFOLLOW));
    return static_cast<bool>(place_.folder);
  }

  // True: it was one, and what it says is in `rest_` now.
  Result<bool> is_link(const std::string& component) {
    const UniqueFd entry(::openat(place_.folder.get(), component.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!entry && errno == ENOENT && rest_.empty()) return false;  // about to be made
    struct stat about{};
    if (!entry || ::fstat(entry.get(), &about) != 0) return cannot("open", path_, errno);
    if (!S_ISLNK(about.st_mode)) return false;
    if (++links_ > kLinksMax) return cannot("open", path_, ELOOP);
    place_.by_link |= rest_.empty();
    if (rest_.empty() && is_in_procfs(entry.get())) {
      // Its text is no path when the file is a pipe or a socket: only the kernel can follow it.
      place_.is_magic = true;
      return false;
    }
    if (!is_trusted(about.st_uid)) {
      if (place_.link_owner.value_or(about.st_uid) != about.st_uid) return refused(path_, about.st_uid);
      place_.link_owner = about.st_uid;
    }
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(entry.get(), "", target.data(), target.size());
    if (length <= 0) return cannot("open", path_, length == 0 ? ENOENT : errno);
    rest_ = std::string(target.data(), static_cast<std::size_t>(length)) + rest_;
    if (rest_.starts_with('/') && !start_at_root_or_here()) return cannot("open", path_, errno);
    return true;
  }

  const std::string& path_;
  std::string rest_;
  int links_ = 0;
  Place place_;
};

uid_t owner_of_folder(const Place& place) {
  struct stat about{};
  return ::fstat(place.folder.get(), &about) == 0 ? about.st_uid : static_cast<uid_t>(-1);
}

// What root made in a folder of theirs is as good as it is there without a link. Not so what a link of procfs
// leads to: that folder says nothing about the file.
bool is_theirs(const Place& place, uid_t user, const struct stat& about) {
  if (about.st_uid == user) return true;
  return !place.is_magic && S_ISREG(about.st_mode) && about.st_nlink == 1 && owner_of_folder(place) == user;
}

// A link that was followed, and a second name that the owner of the folder may have given to another user's
// file.
Status check_opened(const Place& place, const std::string& path, int fd) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) return cannot("look at", path, errno);
  if (place.link_owner && !is_theirs(place, *place.link_owner, about)) {
    return refused(path, *place.link_owner);
  }
  if (!S_ISREG(about.st_mode) || about.st_nlink < 2) return {};
  const uid_t folder_owner = owner_of_folder(place);
  if (is_trusted(folder_owner) || about.st_uid == folder_owner) return {};
  return fail(
      ErrorCode::kInvalid, ErrorSource::kGateway,
      fmt::format("{}: it has another name (a hard link), and the folder belongs to user {}, who does not "
                  "own it: it is not opened",
                  path, folder_owner));
}

// False: with errno. A file system without modes of its own (SMB shares, drvfs) may refuse what it cannot
// keep.
bool set_mode(int fd, unsigned mode) {
  return ::fchmod(fd, mode) == 0 || errno == EPERM || errno == EOPNOTSUPP;
}

// None: another process has just made it.
Result<std::optional<OpenedFile>> create(const Place& place, const std::string& path, int flags,
                                         unsigned mode) {
  if (auto allowed = check_owner(place, path); !allowed) return std::unexpected(allowed.error());
  UniqueFd fd(::openat(place.folder.get(), place.name.c_str(), flags | O_EXCL | O_NOFOLLOW, mode));
  if (!fd && errno == EEXIST) return std::nullopt;
  if (!fd || !set_mode(fd.get(), mode)) return cannot("create", path, errno);
  return OpenedFile{std::move(fd), true, place.by_link};
}

Result<OpenedFile> open_existing(const Place& place, const std::string& path, UniqueFd fd, int flags) {
  if (auto allowed = check_opened(place, path, fd.get()); !allowed) return std::unexpected(allowed.error());
  if ((flags & O_TRUNC) != 0 && ::ftruncate(fd.get(), 0) != 0) return cannot("empty", path, errno);
  return OpenedFile{std::move(fd), false, place.by_link};
}

}  // namespace

Result<Place> find_place(const std::string& path) {
  return Walk(path).run();
}

Status check_owner(const Place& place, const std::string& path) {
  if (!place.link_owner) return {};
  struct stat about{};
  const bool exists = ::fstatat(place.folder.get(), place.name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0;
  const bool is_allowed =
      exists ? is_theirs(place, *place.link_owner, about) : owner_of_folder(place) == *place.link_owner;
  return is_allowed ? Status{} : refused(path, *place.link_owner);
}

Result<OpenedFile> open_file(const std::string& path, int flags, unsigned mode) {
  flags |= O_CLOEXEC | O_NOCTTY;
  for (int tries = 0; tries < kRacesMax; ++tries) {
    auto place = find_place(path);
    if (!place) return std::unexpected(place.error());
    const int plain = (flags & ~(O_CREAT | O_TRUNC)) | (place->is_magic ? 0 : O_NOFOLLOW);
    UniqueFd fd(::openat(place->folder.get(), place->name.c_str(), plain));
    if (fd) return open_existing(*place, path, std::move(fd), flags);
    if (errno != ENOENT || (flags & O_CREAT) == 0) return cannot("open", path, errno);
    auto made = create(*place, path, flags, mode);
    if (!made) return std::unexpected(made.error());
    if (*made) return std::move(**made);
  }
  return cannot("open", path, EEXIST);
}

Status make_folder(const std::string& path, unsigned mode) {
  const auto place = find_place(path);
  if (!place) return std::unexpected(place.error());
  const char* const name = place->name.c_str();
  struct stat about{};
  if (::fstatat(place->folder.get(), name, &about, AT_SYMLINK_NOFOLLOW) == 0) {
    return S_ISDIR(about.st_mode) ? Status{} : invalid(path + " is not a folder");
  }
  if (auto allowed = check_owner(*place, path); !allowed) return allowed;
  if (::mkdirat(place->folder.get(), name, mode) != 0) {
    return errno == EEXIST ? Status{} : cannot("make the folder", path, errno);
  }
  const UniqueFd made(::openat(place->folder.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made || !set_mode(made.get(), mode)) return cannot("make the folder", path, errno);
  return {};
}

}  // namespace apisix::base
