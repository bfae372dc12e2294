// Timers: what ngx.timer knows of a State: how many wait and run, and whether it is closing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/async/signal.h"

namespace apisix::lua {

class Timers {
 public:
  Timers(event::Loop& loop, std::size_t pending_timers_max, std::size_t running_timers_max)
      : pending_max(pending_timers_max), running_max(running_timers_max), closing_(loop) {}

  // Waits for `delay_ms`, or until the State closes: true, the timer is premature.
  async::Signal::Wait wait(std::uint64_t delay_ms) { return closing_.wait(delay_ms); }
  void close() {
    is_closed_ = true;
    closing_.notify();
  }
  bool is_closed() const { return is_closed_; }

  const std::size_t pending_max;
  const std::size_t running_max;
  std::size_t pending = 0;
  std::size_t running = 0;

 private:
  async::Signal closing_;
  bool is_closed_ = false;
};

}  // namespace apisix::lua
