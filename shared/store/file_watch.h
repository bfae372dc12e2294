// FileWatch: a callback when a file may have changed: written in place, replaced by a rename, or behind a
// symbolic link that now leads elsewhere (Kubernetes swaps the link ..data). Owned by FileStore.
//
// It watches every folder in which a part of the path's chain of links stands, and the file itself, which
// sees writes through a bind mount. Once a second it says "perhaps" in any case: network file systems send
// no notices, and the kernel may drop some.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "shared/base/unique_fd.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"

struct inotify_event;

namespace apisix::store {

// A folder, and the names in it that a path depends on.
using PathParts = std::map<std::string, std::set<std::string, std::less<>>>;
// What a write or a rename would have to touch for `path` (absolute) to give other bytes: each symbolic link
// on the way, and the file, or the first part that is not there.
PathParts parts_of_path(const std::string& path);

class FileWatch {
 public:
  // kSurely: the file was written and closed, or something was renamed into its path. kPerhaps: look at it.
  enum class News : unsigned char { kPerhaps, kSurely };
  static constexpr std::uint64_t kPollMs = 1000;

  // `on_news` runs on the loop. Without inotify (its limit of instances) only the look each second remains,
  // and a line in the log says so.
  FileWatch(event::Loop& loop, std::string path, std::function<void(News)> on_news);

 private:
  void on_readable();
  void on_timer();
  // Follows the links anew.
  void renew();
  bool note(const inotify_event& event, News& news) const;

  std::string path_;
  std::function<void(News)> on_news_;
  event::IoWatch watch_;
  event::Timer timer_;
  base::UniqueFd inotify_;
  std::map<int, std::set<std::string, std::less<>>> names_;  // by watch descriptor; "" = the file itself
};

}  // namespace apisix::store
