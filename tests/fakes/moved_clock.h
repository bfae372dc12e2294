// MovedClock: the time of a loop, moved by hand: its clock, its timers and its ready queue, and no real
// waiting. Do not turn the loop beside it (run_once()): that reads the machine's clock again.
#pragma once

#include <cstdint>

#include "shared/event/loop.h"

namespace apisix {

class MovedClock {
 public:
  explicit MovedClock(event::Loop& loop) : loop_(loop), us_(loop.clock().monotonic_us()) { pass_ms(0); }

  // Goes tick by tick, so that a timer finds the time at which it is due.
  void pass_ms(std::uint64_t ms) {
    for (const std::uint64_t end_us = us_ + ms * 1000; us_ < end_us;) {
      const std::uint64_t step_us = event::TimerWheel::kTickMs * 1000;
      us_ += end_us - us_ < step_us ? end_us - us_ : step_us;
      set();
    }
    set();
  }

 private:
  void set() {
    // The loop's clock is const for all but the loop, and it is no const object.
    const_cast<base::Clock&>(loop_.clock()).set(us_, us_);
    loop_.timers().advance(us_ / 1000);
    while (!loop_.ready().empty()) loop_.ready().drain();
  }

  event::Loop& loop_;
  std::uint64_t us_;
};

}  // namespace apisix
