// RetryDelay: how long to wait before the next attempt: doubling from `first_ms` to `max_ms`, and up to half
// as much again at random, so that a thousand processes that lost the same server do not come back in one
// moment.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace apisix::base {

class RetryDelay {
 public:
  RetryDelay(std::uint64_t first_ms, std::uint64_t max_ms)
      : first_ms_(first_ms), max_ms_(std::max(first_ms, max_ms)), current_ms_(first_ms) {}

  std::uint64_t next_ms() {
    const std::uint64_t base_ms = current_ms_;
    current_ms_ = std::min(max_ms_, current_ms_ * 2);
    return base_ms + std::uniform_int_distribution<std::uint64_t>(0, base_ms / 2)(random_);
  }
  void reset() { current_ms_ = first_ms_; }

 private:
  std::uint64_t first_ms_;
  std::uint64_t max_ms_;
  std::uint64_t current_ms_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace apisix::base
