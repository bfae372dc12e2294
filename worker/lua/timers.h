// Timers: what ngx.timer knows of a State: how many wait and run, and whether it is closing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/async/signal.h"

namespace apisix::lua {

class Timers {
 public:
  // lua_max_pending_timers and lua_max_running_timers of APISIX's nginx.conf.
  static constexpr std::size_t kPendingMax = 16384;
  static constexpr std::size_t kRunningMax = 4096;

  explicit Timers(event::Loop& loop) : closing_(loop) {}

  // Waits for `delay_ms`, or until the State closes: true, the timer is premature.
  async::Signal::Wait wait(std::uint64_t delay_ms) { return closing_.wait(delay_ms); }
  void close() {
    is_closed_ = true;
    closing_.notify();
  }
  bool is_closed() const { return is_closed_; }

  std::size_t pending = 0;
  std::size_t running = 0;

 private:
  async::Signal closing_;
  bool is_closed_ = false;
};

}  // namespace apisix::lua
