// LogInterval: one line in an interval, a minute unless said otherwise, for what a client can cause as often
// as it likes; the line says how often it was by now. One for each kind of line, in the thread that writes
// it.
#pragma once

#include <cstdint>
#include <ctime>

namespace apisix::base {

class LogInterval {
 public:
  explicit LogInterval(std::int64_t interval_ms = 60'000) : interval_ms_(interval_ms) {}

  // True at first, and then once in each interval.
  bool is_due() {
    std::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const std::int64_t now_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
    if (logged_at_ms_ != 0 && now_ms - logged_at_ms_ < interval_ms_) return false;
    logged_at_ms_ = now_ms;
    return true;
  }

 private:
  std::int64_t interval_ms_;
  std::int64_t logged_at_ms_ = 0;
};

}  // namespace apisix::base
