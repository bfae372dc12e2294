#include "master/backoff.h"

#include <algorithm>

namespace apisix::master {

std::uint64_t Backoff::next_delay_ms(std::uint64_t lived_ms, bool served) {
  if (lived_ms >= kTrustedAfterMs) deaths_ = 0;
  ++deaths_;
  if (deaths_ == 1) return 0;
  const int doublings = std::min(deaths_ - 2, 20);
  return std::min(kFirstDelayMs << doublings, served ? kServedDelayMaxMs : kDelayMaxMs);
}

}  // namespace apisix::master
