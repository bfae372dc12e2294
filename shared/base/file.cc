#include "shared/base/file.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

std::string target_of(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status rewrite_in_place(const std::string& path, std::string_view text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (file.get() < 0 || !write_all(file.get(), text) || ::fsync(file.get()) != 0) {
    return system_error("cannot write " + path, errno);
  }
  return {};
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

Status replace_file(const std::string& given_path, std::string_view text, unsigned mode) {
  const std::string path = target_of(given_path);
  struct stat found{};
  const bool exists = ::stat(path.c_str(), &found) == 0;
  std::string temporary = path + ".XXXXXX";
  {
    const UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));
    if (file.get() < 0) return system_error("cannot create a file beside " + path, errno);
    if (!finish_temporary(file.get(), text, mode, exists ? std::optional(found) : std::nullopt)) {
      const int error = errno;
      ::unlink(temporary.c_str());
      return system_error("cannot write " + temporary, error);
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    if (error == EBUSY) return rewrite_in_place(path, text);
    return system_error("cannot replace " + path, error);
  }
  const UniqueFd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) ::fsync(folder.get());
  return {};
}

}  // namespace apisix::base
