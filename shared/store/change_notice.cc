#include "shared/store/change_notice.h"

#include <cerrno>
#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::store {
namespace {

constexpr std::uint64_t kSlowPollMs = 1000;
constexpr std::uint64_t kFastPollMs = 5;

StoreFd watch_file(const std::string& path) {
  StoreFd inotify(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify && inotify_add_watch(inotify.get(), path.c_str(), IN_ACCESS | IN_MODIFY) >= 0) return inotify;
  base::log_warn(
      "{}: no inotify watch: {}; looking for changes every {} ms instead"
      " (raise fs.inotify.max_user_instances)",
      path, std::strerror(errno), kFastPollMs);
  return StoreFd();
}

}  // namespace

ChangeNotice::ChangeNotice(event::Loop& loop, const std::string& notice_path, std::function<void()> on_notice)
    : watch_(
          loop, [](void* self, bool, bool) { static_cast<ChangeNotice*>(self)->on_readable(); }, this),
      timer_(
          loop.timers(), [](void* self) { static_cast<ChangeNotice*>(self)->on_timer(); }, this),
      inotify_(watch_file(notice_path)),
      on_notice_(std::move(on_notice)),
      poll_ms_(inotify_ ? kSlowPollMs : kFastPollMs) {
  if (inotify_) watch_.start(inotify_.get());
  timer_.set_after_ms(poll_ms_);
}

void ChangeNotice::on_readable() {
  char events[4096];
  while (read(inotify_.get(), events, sizeof events) == sizeof events) {
  }
  on_notice_();
}

void ChangeNotice::on_timer() {
  timer_.set_after_ms(poll_ms_);
  on_notice_();
}

}  // namespace apisix::store
