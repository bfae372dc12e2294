#include "worker/scratch_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

namespace apisix::worker {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
// The embedded store makes two files beside its own.
constexpr std::array kSuffixes = {"", "-lock", "-notice"};
constexpr std::size_t kFilesMax = 8;

// For the handler, which may neither allocate nor lock.
struct Paths {
  std::array<std::array<char, 512>, kFilesMax> files;
  std::size_t count = 0;
  std::array<char, 512> folder;
};
Paths paths;

void copy(const std::string& from, std::array<char, 512>& to) {
  const std::size_t bytes = std::min(from.size(), to.size() - 1);
  from.copy(to.data(), bytes);
  to[bytes] = '\0';
}

void on_signal(int number) {
  for (std::size_t i = 0; i < paths.count; ++i) ::unlink(paths.files[i].data());
  ::rmdir(paths.folder.data());
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::error_code none;
  path_ = (std::filesystem::temp_directory_path(none) / "apisix-lua-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    const int why = errno;
    path_.clear();
    errno = why;
    return;
  }
  paths.count = 0;
  copy(path_, paths.folder);
  for (const int number : kSignals) ::signal(number, on_signal);
}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  for (const int number : kSignals) ::signal(number, SIG_DFL);
  std::error_code none;
  std::filesystem::remove_all(path_, none);
}

std::string ScratchFolder::file(const char* name) const {
  std::string out = path_ + "/" + name;
  for (const char* suffix : kSuffixes) {
    if (paths.count < paths.files.size()) copy(out + suffix, paths.files[paths.count++]);
  }
  return out;
}

}  // namespace apisix::worker
