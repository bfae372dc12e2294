// Pulse: for how long a child's event loop has stood still, as seen by a master that looks at its heartbeat
// once a second. Only the master's own looks count: while the master was stopped or the machine slept it did
// not look, so that no child is blamed for that time.
#pragma once

#include <cstdint>

#include "shared/channel/heartbeat.h"

namespace apisix::master {

class Pulse {
 public:
  static constexpr std::uint64_t kLookMs = channel::Heartbeat::kPeriodMs;
  // One look may fall between two beats.
  static constexpr std::uint64_t kSilentLooksMin = 2;

  // The child's number of beats by now.
  void look(std::uint64_t beats) {
    silent_looks_ = beats == beats_ ? silent_looks_ + 1 : 0;
    beats_ = beats;
  }
  // Another child, or a master that was late itself: counting begins again.
  void reset() { silent_looks_ = 0; }

  bool is_silent_for(std::uint64_t limit_ms) const {
    return silent_looks_ >= kSilentLooksMin && silent_looks_ * kLookMs >= limit_ms;
  }

 private:
  std::uint64_t beats_ = 0;
  std::uint64_t silent_looks_ = 0;  // in a row
};

// Whether the master's looks came in time.
class LookTimes {
 public:
  bool is_regular(std::uint64_t now_ms) {
    const bool out = last_ms_ != 0 && now_ms - last_ms_ < 2 * Pulse::kLookMs;
    last_ms_ = now_ms;
    return out;
  }

 private:
  std::uint64_t last_ms_ = 0;  // monotonic
};

}  // namespace apisix::master
