#include "shared/base/clock.h"

#include <ctime>

namespace apisix::base {
namespace {

std::uint64_t read_us(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

void Clock::refresh() {
  monotonic_us_ = read_us(CLOCK_MONOTONIC) + skipped_us_;
  wall_us_ = read_us(CLOCK_REALTIME) + skipped_us_;
}

std::uint64_t monotonic_now_us() {
  return read_us(CLOCK_MONOTONIC);
}

}  // namespace apisix::base
