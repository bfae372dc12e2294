#include "shared/resolve/watched_file.h"

#include <fstream>
#include <sstream>

namespace apisix::resolve {

std::optional<std::string> WatchedFile::read_if_changed() {
  struct ::stat now{};
  if (::stat(path_.c_str(), &now) != 0) now = {};
  const bool same = was_read_ && now.st_ino == seen_.st_ino && now.st_size == seen_.st_size &&
                    now.st_mtim.tv_sec == seen_.st_mtim.tv_sec &&
                    now.st_mtim.tv_nsec == seen_.st_mtim.tv_nsec;
  if (same) return std::nullopt;
  was_read_ = true;
  seen_ = now;
  if (!S_ISREG(now.st_mode) || static_cast<std::size_t>(now.st_size) > kBytesMax) return std::string();
  std::ifstream file(path_, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // an error of the read ends it, without an exception
  return text.str();
}

}  // namespace apisix::resolve
