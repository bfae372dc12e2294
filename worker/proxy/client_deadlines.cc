#include "worker/proxy/client_deadlines.h"

#include <algorithm>

namespace apisix::proxy {

// The rate is an average over the time spent waiting for this client only: a slow upstream is not its fault.
// Every byte moves the deadline, and one client_body_timeout is free: who pauses once is not refused for the
// rate.
std::uint64_t ClientDeadlines::body_deadline_ms(std::uint64_t body_bytes, bool has_min_rate) {
  if (body_wait_started_ms_ == 0) body_wait_started_ms_ = clock_.monotonic_ms();
  const std::uint64_t silent_ms = body_wait_started_ms_ + options_.client_body_timeout_ms;
  if (options_.client_body_min_rate_bytes_per_s == 0 || !has_min_rate) return silent_ms;
  const std::uint64_t bought_ms =
      options_.client_body_timeout_ms + body_bytes * 1000 / options_.client_body_min_rate_bytes_per_s;
  const std::uint64_t left_ms = bought_ms > body_waited_ms_ ? bought_ms - body_waited_ms_ : 1;
  return std::min(silent_ms, body_wait_started_ms_ + left_ms);
}

void ClientDeadlines::end_body_wait() {
  if (body_wait_started_ms_ == 0) return;
  body_waited_ms_ += clock_.monotonic_ms() - body_wait_started_ms_;
  body_wait_started_ms_ = 0;
}

void ClientDeadlines::extend_send() {
  send_deadline_ms_ = clock_.monotonic_ms() + options_.send_timeout_ms;
}

}  // namespace apisix::proxy
