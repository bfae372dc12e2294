// Pulse: for how long a child's event loop has stood still, as seen by a master that checks its heartbeat
// once a second. Only the master's own checks count: while the master was stopped or the machine slept there
// were none, so that no child is blamed for that time.
#pragma once

#include <cstdint>

#include "shared/channel/heartbeat.h"

namespace apisix::master {

class Pulse {
 public:
  static constexpr std::uint64_t kCheckMs = channel::Heartbeat::kPeriodMs;
  // One check may fall between two beats.
  static constexpr std::uint64_t kSilentChecksMin = 2;

  // The child's number of beats by now.
  void observe(std::uint64_t beats) {
    silent_checks_ = beats == beats_ ? silent_checks_ + 1 : 0;
    beats_ = beats;
  }
  // Another child, or a master that was late itself: counting begins again.
  void reset() { silent_checks_ = 0; }

  bool is_silent_for(std::uint64_t limit_ms) const {
    return silent_checks_ >= kSilentChecksMin && silent_checks_ * kCheckMs >= limit_ms;
  }

 private:
  std::uint64_t beats_ = 0;
  std::uint64_t silent_checks_ = 0;  // in a row
};

// Whether the master's checks came before their deadline.
class CheckTimes {
 public:
  bool is_regular(std::uint64_t now_ms) {
    const bool out = last_ms_ != 0 && now_ms - last_ms_ < 2 * Pulse::kCheckMs;
    last_ms_ = now_ms;
    return out;
  }

 private:
  std::uint64_t last_ms_ = 0;  // monotonic
};

}  // namespace apisix::master
