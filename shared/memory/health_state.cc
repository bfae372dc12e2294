#include "shared/memory/health_state.h"

#include <array>

namespace apisix::memory {
namespace {

std::uint8_t& counter_of(HealthState& state, HealthEvent event) {
  switch (event) {
    case HealthEvent::kHttpFailure:
      return state.http_failure;
    case HealthEvent::kTcpFailure:
      return state.tcp_failure;
    case HealthEvent::kTimeout:
      return state.timeout_failure;
    case HealthEvent::kSuccess:
      break;
  }
  return state.success;
}

}  // namespace

std::string_view name_of(HealthStatus status) {
  static constexpr std::array<std::string_view, 4> kNames = {"healthy", "mostly_healthy", "mostly_unhealthy",
                                                             "unhealthy"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string_view text_of(HealthEvent event) {
  static constexpr std::array<std::string_view, 4> kTexts = {"healthy SUCCESS", "unhealthy HTTP",
                                                             "unhealthy TCP", "unhealthy TIMEOUT"};
  return kTexts[static_cast<std::size_t>(event)];
}

std::uint8_t HealthState::count_of(HealthEvent event) const {
  HealthState copy = *this;
  return counter_of(copy, event);
}

HealthState after_event(HealthState state, HealthEvent event, std::uint8_t limit) {
  const bool is_success = event == HealthEvent::kSuccess;
  const HealthStatus goal = is_success ? HealthStatus::kHealthy : HealthStatus::kUnhealthy;
  if (limit == 0 || state.status == goal) return state;
  std::uint8_t& counter = counter_of(state, event);
  if (counter < 255) ++counter;
  const bool turns = counter >= limit;
  if (is_success) {
    state.http_failure = state.tcp_failure = state.timeout_failure = 0;
  } else {
    state.success = 0;
  }
  if (turns) {
    state.status = goal;
  } else if (state.status == HealthStatus::kHealthy) {
    state.status = HealthStatus::kMostlyHealthy;
  } else if (state.status == HealthStatus::kUnhealthy) {
    state.status = HealthStatus::kMostlyUnhealthy;
  }
  return state;
}

}  // namespace apisix::memory
