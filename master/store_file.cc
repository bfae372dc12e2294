#include "master/store_file.h"

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/store/local_store.h"
#include "shared/store/open_store.h"

namespace apisix::master {
namespace {

// The first byte of what the child says.
constexpr char kWhole = '+';
constexpr char kRefused = '-';

std::string join_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

std::string check_store(const Setup& setup, const store::LocalStoreOptions& options) {
  if (setup.identity) {
    if (auto became = become(*setup.identity); !became) return kRefused + became.error().what;
  }
  const auto notes = store::LocalStore::prepare(options);
  return notes ? kWhole + join_lines(*notes) : kRefused + notes.error().what;
}

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string read_all(int file) {
  std::string out;
  char bytes[4096];
  for (;;) {
    const ssize_t count = ::read(file, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return out;
    out.append(bytes, static_cast<std::size_t>(count));
  }
}

// The file belongs to the workers' user, who may be under a client's control: root's process does not parse
// it.
std::string check_in_a_child(const Setup& setup, const store::LocalStoreOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return kRefused + base::system_error("pipe", errno).error().what;
  const pid_t pid = ::fork();
  if (pid == 0) {
    write_all(ends[1], check_store(setup, options));
    ::_exit(0);
  }
  const base::UniqueFd from(ends[0]);
  ::close(ends[1]);
  if (pid < 0) return kRefused + base::system_error("cannot fork", errno).error().what;
  std::string said = read_all(from.get());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) || said.empty()) {
    return fmt::format("{}{}: the process that looked at it ended on signal {}", kRefused, options.path,
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }
  return said;
}

}  // namespace

base::Status prepare_store(Setup& setup, StoreUse use, const FoundStore& in_use) {
  const auto path = store::local_store_path(setup.settings, setup.prefix);
  if (!path) return {};
  store::LocalStoreOptions options;
  options.path = *path;
  options.opening = use == StoreUse::kFirst ? store::Opening::kFirst : store::Opening::kJoin;
  if (in_use.inode != 0) options.in_use = store::StoreFileId{in_use.device, in_use.inode};
  const std::string said = check_in_a_child(setup, options);
  if (said.front() != kWhole) {
    return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore, said.substr(1));
  }
  for (std::size_t at = 1; at < said.size();) {
    const std::size_t end = said.find('\n', at);
    setup.warnings.push_back(said.substr(at, end - at));
    at = end + 1;
  }
  // Held as long as its processes live: no other file gets its inode meanwhile.
  setup.store.held.reset(::open(path->c_str(), O_PATH | O_CLOEXEC));
  struct stat info{};
  if (!setup.store.held || ::fstat(setup.store.held.get(), &info) != 0) {
    return base::system_error("cannot open the store " + *path, errno);
  }
  setup.store.device = info.st_dev;
  setup.store.inode = info.st_ino;
  return {};
}

}  // namespace apisix::master
