// Time, as an input. The loop refreshes one Clock per turn; everything on the request path reads the
// cached values. Tests drive a Clock by hand with set().
#pragma once

#include <cstdint>

namespace apisix::base {

class Clock {
 public:
  Clock() { refresh(); }

  void refresh();
  // For tests: both clocks at once, in microseconds. refresh() undoes it.
  void set(std::uint64_t monotonic_us, std::uint64_t wall_us) {
    monotonic_us_ = monotonic_us;
    wall_us_ = wall_us;
  }
  // For tests: each reading from now on is later by this.
  void skip(std::uint64_t us) { skipped_us_ += us; }

  std::uint64_t monotonic_us() const { return monotonic_us_; }
  std::uint64_t monotonic_ms() const { return monotonic_us_ / 1000; }
  std::uint64_t wall_us() const { return wall_us_; }  // since the epoch
  std::uint64_t wall_ms() const { return wall_us_ / 1000; }
  std::int64_t wall_seconds() const { return static_cast<std::int64_t>(wall_us_ / 1000000); }

 private:
  std::uint64_t monotonic_us_ = 0;
  std::uint64_t wall_us_ = 0;
  std::uint64_t skipped_us_ = 0;
};

// CLOCK_MONOTONIC now, in microseconds; a system call's worth of precision where the cached one is too old.
std::uint64_t monotonic_now_us();

}  // namespace apisix::base
