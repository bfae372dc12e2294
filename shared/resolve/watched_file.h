// WatchedFile: a small file of the system that may be replaced or edited at any time (hosts, resolv.conf).
#pragma once

#include <optional>
#include <string>

#include <sys/stat.h>

namespace apisix::resolve {

class WatchedFile {
 public:
  static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;

  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // The content, if inode, size or time of change differ from the last call; "" for a file that cannot be
  // read. The first call always gives it.
  std::optional<std::string> read_if_changed();

 private:
  const std::string path_;
  bool was_read_ = false;
  struct ::stat seen_{};
};

}  // namespace apisix::resolve
