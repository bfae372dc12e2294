// HealthState: what is known about the health of one node, and how it changes: APISIX's rules, as pure
// functions on a value that fits into one word.
//
//   kHealthy --failure--> kMostlyHealthy --a counter of failures at its limit--> kUnhealthy
//   kUnhealthy --success--> kMostlyUnhealthy --successes at their limit--> kHealthy
//
// A success clears the counters of failures, a failure that of successes. A healthy node counts no successes
// and an unhealthy one no failures. New nodes are healthy.
#pragma once

#include <cstdint>
#include <string_view>

namespace apisix::memory {

enum class HealthStatus : std::uint8_t { kHealthy, kMostlyHealthy, kMostlyUnhealthy, kUnhealthy };
enum class HealthEvent : std::uint8_t { kSuccess, kHttpFailure, kTcpFailure, kTimeout };

std::string_view name_of(HealthStatus status);  // "mostly_healthy"
// As APISIX's log says it: "healthy SUCCESS", "unhealthy HTTP", "unhealthy TCP", "unhealthy TIMEOUT".
std::string_view text_of(HealthEvent event);
inline bool is_usable(HealthStatus status) {
  return status == HealthStatus::kHealthy || status == HealthStatus::kMostlyHealthy;
}

struct HealthState {
  HealthStatus status = HealthStatus::kHealthy;
  std::uint8_t success = 0;
  std::uint8_t http_failure = 0;
  std::uint8_t tcp_failure = 0;
  std::uint8_t timeout_failure = 0;

  bool operator==(const HealthState&) const = default;
  std::uint8_t count_of(HealthEvent event) const;
};

// What `state` becomes when `event` happens `limit` times in a row turns it. The same when the event does not
// count: limit 0 turns a kind of event off.
HealthState after_event(HealthState state, HealthEvent event, std::uint8_t limit);

}  // namespace apisix::memory
