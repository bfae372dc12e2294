#include "shared/base/file.h"

#include <cerrno>
#include <cstdint>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/open_file.h"
#include "shared/base/unique_fd.h"

namespace apisix::base {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Status rewrite_in_place(const Place& place, const std::string& path, std::string_view text) {
  const UniqueFd file(
      ::openat(place.folder.get(), place.name.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  if (file.get() < 0 || !write_all(file.get(), text) || ::fsync(file.get()) != 0) {
    return system_error("cannot write " + path, errno);
  }
  return {};
}

std::string temporary_name(const std::string& name) {
  std::uint64_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  return fmt::format("{}.{:016x}", name, number);
}

// The owner is kept when we may; a file that then belongs to us is still readable to us.
bool finish_temporary(int fd, std::string_view text, unsigned mode, const std::optional<struct stat>& old) {
  if (old && ::fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM) return false;
  if (::fchmod(fd, old ? old->st_mode & 07777 : mode) != 0) return false;
  return write_all(fd, text) && ::fsync(fd) == 0;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    const int reason = errno;
    auto error = system_error("cannot open " + path, reason);
    if (reason == ENOENT) error.error().code = ErrorCode::kNotFound;
    return error;
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot read " + path, errno);
    if (count == 0) return text;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > bytes_max) {
      return fail(ErrorCode::kTooLarge, ErrorSource::kGateway,
                  path + ": larger than " + std::to_string(bytes_max) + " bytes");
    }
  }
}

Status replace_file(const std::string& path, std::string_view text, unsigned mode) {
  const auto place = find_place(path);
  if (!place) return std::unexpected(place.error());
  if (auto allowed = check_owner(*place, path); !allowed) return allowed;
  const int folder = place->folder.get();
  struct stat found{};
  const bool exists = ::fstatat(folder, place->name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
  const std::string temporary = temporary_name(place->name);
  {
    const UniqueFd file(
        ::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (file.get() < 0) return system_error("cannot create a file beside " + path, errno);
    if (!finish_temporary(file.get(), text, mode, exists ? std::optional(found) : std::nullopt)) {
      const int error = errno;
      ::unlinkat(folder, temporary.c_str(), 0);
      return system_error("cannot write " + path, error);
    }
  }
  if (::renameat(folder, temporary.c_str(), folder, place->name.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(folder, temporary.c_str(), 0);
    if (error == EBUSY) return rewrite_in_place(*place, path, text);
    return system_error("cannot replace " + path, error);
  }
  const UniqueFd synced(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (synced.get() >= 0) ::fsync(synced.get());
  return {};
}

}  // namespace apisix::base
