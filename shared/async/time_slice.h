// TimeSlice: a long computation on the loop lets others run every so often.
//   async::TimeSlice slice(loop);   for (...) { ...; if (slice.is_over()) co_await slice.pause(); }
// Whatever it looks at may have changed after a pause.
#pragma once

#include <cstdint>

#include "shared/async/awaiters.h"
#include "shared/async/task.h"
#include "shared/base/clock.h"

namespace apisix::async {

class TimeSlice {
 public:
  // Long enough to be worth the switch, short enough to be no more than a few requests' worth.
  static constexpr std::uint64_t kSliceUs = 2000;
  static constexpr std::uint64_t kPauseMs = 1;

  explicit TimeSlice(event::Loop& loop) : loop_(loop) {}

  bool is_over() const { return base::monotonic_now_us() >= end_us_; }
  Task<void> pause() {
    co_await Sleep(loop_, kPauseMs);
    end_us_ = base::monotonic_now_us() + kSliceUs;
  }

 private:
  event::Loop& loop_;
  std::uint64_t end_us_ = base::monotonic_now_us() + kSliceUs;
};

}  // namespace apisix::async
