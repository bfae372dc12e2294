// ChangeNotice: a callback when another process wrote to the store. A notice has no content:
// what changed stands in the store's log. Owned by LocalStore.
//
// It receives announce_change() of store_dir.h, across generations of workers and unrelated processes; the
// sender keeps no list of receivers.
#pragma once

#include <functional>
#include <string>

#include "shared/base/result.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/store/store_dir.h"

namespace apisix::store {

class ChangeNotice {
 public:
  // `on_notice` runs on the loop: soon after an announcement, and every second in any case, since the
  // kernel may drop notices. Without inotify (its limit of instances) it runs every 5 ms instead.
  ChangeNotice(event::Loop& loop, const std::string& notice_path, std::function<void()> on_notice);

 private:
  void on_readable();
  void on_timer();

  event::IoWatch watch_;
  event::Timer timer_;
  StoreFd inotify_;
  std::function<void()> on_notice_;
  std::uint64_t poll_ms_;
};

}  // namespace apisix::store
