#include "worker/upstream/node_health.h"

#include <algorithm>

#include "shared/base/clock.h"
#include "shared/memory/health_log.h"

namespace apisix::upstream {
namespace {

using memory::HealthEvent;
using memory::HealthTable;

// The retry interval for a table that is full, or that lost the checker.
constexpr std::uint64_t kWantAgainMs = 1000;

}  // namespace

NodeHealth::NodeHealth(HealthTable& table, std::string checker, resource::HealthChecks checks)
    : table_(table), checker_(std::move(checker)), checks_(std::move(checks)) {}

std::uint64_t NodeHealth::version() const {
  std::uint64_t version = table_.version(ref_);
  if (version != 0) return version;
  const std::uint64_t now_ms = base::monotonic_now_us() / 1000;
  if (wanted_at_ms_ != 0 && now_ms - wanted_at_ms_ < kWantAgainMs) return 0;
  wanted_at_ms_ = now_ms;
  known_.clear();
  ref_ = table_.want(checker_);
  return table_.version(ref_);
}

std::uint16_t NodeHealth::port_of(const Node& node) const {
  return checks_.active.port != 0 ? checks_.active.port : node.port;
}

// What is not in the table (yet) stays unknown until the version changes.
HealthTable::Ref NodeHealth::target_of(const Node& node, const base::IpAddress& ip) const {
  const std::uint64_t version = table_.version(ref_);
  if (version == 0) return {};
  if (version != known_version_) {
    for (auto& addresses : known_) {
      std::erase_if(addresses, [this](const Known& known) { return !table_.state(known.ref); });
    }
    known_version_ = version;
  }
  if (known_.size() <= node.index) known_.resize(node.index + std::size_t{1});
  auto& addresses = known_[node.index];
  const auto found = std::ranges::find(addresses, ip, &Known::ip);
  if (found != addresses.end()) return found->ref;
  const HealthTable::TargetId id{ip, port_of(node), node.is_literal ? std::string_view() : node.host};
  return addresses.emplace_back(ip, table_.find_target(ref_, id)).ref;
}

bool NodeHealth::is_healthy(const Node& node, const base::IpAddress& ip) const {
  const auto state = table_.state(target_of(node, ip));
  return !state || memory::is_usable(state->status);
}

bool NodeHealth::is_healthy(const Node& node) const {
  if (!node.is_name()) return is_healthy(node, node.address);
  const auto addresses = node.name->addresses();
  return addresses.empty() ||
         std::ranges::any_of(addresses, [&](const base::IpAddress& ip) { return is_healthy(node, ip); });
}

void NodeHealth::report(const Node& node, const base::IpAddress& ip, HealthEvent event, std::uint8_t limit) {
  const auto result = table_.report(ref_, target_of(node, ip), event, limit);
  std::string_view hostname = checks_.active.host;
  if (hostname.empty() && !node.is_literal) hostname = node.host;
  memory::log_health({checker_, hostname, ip, port_of(node)}, event, limit, result);
}

void NodeHealth::report_failure(const Node& node, const base::IpAddress& ip, bool timed_out) {
  const auto& rule = checks_.passive.unhealthy;
  if (timed_out) {
    report(node, ip, HealthEvent::kTimeout, rule.timeouts);
  } else {
    report(node, ip, HealthEvent::kTcpFailure, rule.tcp_failures);
  }
}

void NodeHealth::report_status(const Node& node, const base::IpAddress& ip, std::uint16_t status) {
  const auto& passive = checks_.passive;
  if (passive.healthy.http_statuses.contains(status)) {
    report(node, ip, HealthEvent::kSuccess, passive.healthy.successes);
  } else if (passive.unhealthy.http_statuses.contains(status)) {
    report(node, ip, HealthEvent::kHttpFailure, passive.unhealthy.http_failures);
  }
}

// As in APISIX this needs no `passive`; but who is turned by it must have a way back.
void NodeHealth::on_retried(const Node& node, const base::IpAddress& ip, bool timed_out) {
  if (checks_.has_passive || checks_.active.unhealthy.interval_ms > 0) report_failure(node, ip, timed_out);
}

void NodeHealth::on_response(const Node& node, const base::IpAddress& ip, std::uint16_t status) {
  if (checks_.has_passive) report_status(node, ip, status);
}

// Counted once: as the status that it means to the client where that is listed, else as what it was.
void NodeHealth::on_failed(const Node& node, const base::IpAddress& ip, bool timed_out,
                           std::uint16_t status) {
  if (!checks_.has_passive) return;
  const bool is_listed = checks_.passive.unhealthy.http_statuses.contains(status) ||
                         checks_.passive.healthy.http_statuses.contains(status);
  if (is_listed) {
    report_status(node, ip, status);
  } else {
    report_failure(node, ip, timed_out);
  }
}

}  // namespace apisix::upstream
