#include "master/identity.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <fcntl.h>

#include "master/pid_file.h"
#include "shared/base/open_file.h"
#include "shared/base/text.h"

namespace apisix::master {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOwnTitle = "apisix: master process";
constexpr std::string_view kNginxTitle = "nginx: master process";

// The command line; its arguments end with zeros, a title has none.
std::string title_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
  std::string title;
  std::getline(file, title);  // a process that ends meanwhile is an error of the read: no exception here
  std::ranges::replace(title, '\0', ' ');
  return title;
}

// APISIX starts it as "openresty -p PREFIX -c PREFIX/conf/nginx.conf".
bool names_prefix(std::string_view title, const std::string& prefix) {
  const std::string option = " -p " + prefix;
  const auto at = title.find(option);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = title.substr(at + option.size());
  return rest.empty() || rest.starts_with(' ') || rest.starts_with("/ ");
}

// The path as the kernel shows it for open files: without links. Empty: there is none that we would open.
std::string real_path(const std::string& pid_file) {
  const auto place = base::find_place(pid_file);
  if (!place || !base::check_owner(*place, pid_file)) return {};
  std::error_code none;
  const fs::path folder = fs::read_symlink("/proc/self/fd/" + std::to_string(place->folder.get()), none);
  return none ? std::string() : (folder / place->name).string();
}

// The same path means another folder to a process in a container.
bool sees_same_folder(pid_t pid, const fs::path& folder) {
  std::error_code error;
  return fs::equivalent("/proc/" + std::to_string(pid) + "/root" + folder.string(), folder, error);
}

// False too when we may not look.
bool has_open(pid_t pid, const std::string& path) {
  if (path.empty() || !sees_same_folder(pid, fs::path(path).parent_path())) return false;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error)) {
    std::error_code ignored;
    const std::string target = fs::read_symlink(entry.path(), ignored).string();
    if (target == path || target == path + " (deleted)") return true;
  }
  return false;
}

bool has_locked(pid_t pid, const std::string& pid_file) {
  const auto file = base::open_file(pid_file, O_RDONLY | O_NONBLOCK);
  return file && lock_owner(file->fd.get()) == pid;
}

}  // namespace

pid_t lock_owner(int pid_file) {
  // A lock for reading collides with locks for writing only, which need the right to write the file.
  struct flock lock{};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(pid_file, F_GETLK, &lock) == 0 && lock.l_type == F_WRLCK ? std::max(lock.l_pid, 0) : 0;
}

bool is_master_of(const std::string& prefix, pid_t pid) {
  if (pid <= 0) return false;
  const std::string title = title_of(pid);
  if (title.starts_with(kNginxTitle)) return names_prefix(title, prefix);
  if (!title.starts_with(kOwnTitle)) return false;
  return std::ranges::any_of(std::array{PidFile::path(prefix), PidFile::old_path(prefix)},
                             [pid](const std::string& pid_file) {
                               return has_locked(pid, pid_file) || has_open(pid, real_path(pid_file));
                             });
}

std::vector<pid_t> masters_with(const std::string& pid_file) {
  std::vector<pid_t> out;
  const std::string path = real_path(pid_file);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const auto pid = base::parse_integer<pid_t>(entry.path().filename().string());
    if (pid && title_of(*pid).starts_with(kOwnTitle) && has_open(*pid, path)) out.push_back(*pid);
  }
  return out;
}

}  // namespace apisix::master
