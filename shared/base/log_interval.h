// LogInterval: one line a minute for what a client can cause as often as it likes; the line says how often it
// was by now. One for each kind of line, in the thread that writes it.
#pragma once

#include <cstdint>
#include <ctime>

namespace apisix::base {

class LogInterval {
 public:
  static constexpr std::int64_t kSeconds = 60;

  // True at first, and then once in each interval.
  bool is_due() {
    std::timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (logged_at_ != 0 && now.tv_sec - logged_at_ < kSeconds) return false;
    logged_at_ = now.tv_sec;
    return true;
  }

 private:
  std::int64_t logged_at_ = 0;
};

}  // namespace apisix::base
