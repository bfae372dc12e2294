#include "privileged-agent/jobs/health_checker.h"

#include <algorithm>

#include "shared/base/log.h"
#include "shared/memory/health_log.h"

namespace apisix::agent {
namespace {

using memory::HealthEvent;
using memory::HealthTable;

// The first probes of an upstream are spread over this, and longer when there are many nodes.
constexpr std::uint64_t kFirstSpreadMs = 500;
constexpr std::uint64_t kFirstSpreadPerTargetMs = 2;
// How often the states are compared with those that the workers have.
constexpr std::uint64_t kAuditMs = 1000;
// When the system had no socket.
constexpr std::uint64_t kTryAgainMs = 1000;

}  // namespace

// Linked: it is due, and more than `concurrency` are under way.
struct HealthChecker::Target : base::Link {
  Target(HealthChecker& owner, Key key, ProbePlan plan, std::string name)
      : owner(owner),
        key(std::move(key)),
        name(std::move(name)),
        next(
            owner.deps_.probes.loop.timers(),
            [](void* self) {
              auto& target = *static_cast<Target*>(self);
              target.owner.begin(target);
            },
            this),
        probe(
            owner.deps_.probes, std::move(plan),
            [](void* self, const ProbeOutcome& outcome) {
              auto& target = *static_cast<Target*>(self);
              target.owner.on_outcome(target, outcome);
            },
            this) {}

  ~Target() { owner.deps_.probes.load -= load; }

  HealthChecker& owner;
  const Key key;
  const std::string name;
  HealthTable::Ref ref;
  std::uint64_t due_ms = 0;
  double load = 0;               // its part of ProbeDeps::load
  bool counts_as_usable = true;  // what `next` was set for
  event::Timer next;
  Probe probe;
};

HealthChecker::HealthChecker(const Deps& deps, std::string name, HealthTable::Ref checker)
    : deps_(deps), name_(std::move(name)), checker_(checker) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::set_plan(const HealthPlan& plan) {
  plan_ = plan;
  deps_.table.describe(checker_, plan_.checks.active.host);
  names_.clear();
  for (const HealthPlan::Node& node : plan_.nodes) {
    names_.push_back(node.is_name ? deps_.resolver.follow(node.host) : nullptr);
  }
  reconcile();
}

// Nodes that come to the same address and port are one target.
std::map<HealthChecker::Key, HealthChecker::Wanted> HealthChecker::wanted_targets() {
  std::map<Key, Wanted> out;
  std::uint32_t place = 0;
  const auto add = [&](const HealthPlan::Node& node, const base::IpAddress& ip) {
    const std::string name = node.is_name ? node.host : std::string();
    out.try_emplace({ip.bytes(), node.port, name}, Wanted{plan_.probe_of(node, ip), name, place++});
  };
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    const HealthPlan::Node& node = plan_.nodes[i];
    if (!node.is_name) {
      add(node, *base::IpAddress::parse(node.host));
    } else if (names_[i]) {
      for (const base::IpAddress& ip : names_[i]->addresses()) add(node, ip);
    }
  }
  return out;
}

// Names that do not resolve for a moment keep their targets.
void HealthChecker::reconcile() {
  names_generation_ = deps_.resolver.generation();
  auto wanted = wanted_targets();
  const auto is_unresolved = [this](const std::string& name) {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (names_[i] && plan_.nodes[i].host == name) return !names_[i]->is_usable();
    }
    return false;
  };
  for (auto at = targets_.begin(); at != targets_.end();) {
    const auto found = wanted.find(at->first);
    if (found != wanted.end() ? found->second.probe == at->second->probe.plan()
                              : is_unresolved(at->second->name)) {
      ++at;
      continue;
    }
    if (at->second->probe.is_asking()) --under_way_;
    if (found == wanted.end()) deps_.table.remove_target(checker_, at->second->ref);
    at = targets_.erase(at);
  }
  for (auto& [key, want] : wanted) {
    const HealthTable::TargetId id{want.probe.ip, want.probe.port, want.name};
    const HealthTable::Ref ref = deps_.table.add_target(checker_, id, want.place);
    if (!ref) {
      if (!std::exchange(is_full_reported_, true))
        base::log_error("the zone upstream-healthcheck is full: not all nodes of {} are checked", name_);
      continue;
    }
    auto& target = targets_[key];
    if (target) continue;
    target = std::make_unique<Target>(*this, key, std::move(want.probe), std::move(want.name));
    target->ref = ref;
    set_load(*target);
    schedule_first(*target);
  }
  remove_strangers();
  // Those that were under way may be gone, or more may be allowed.
  begin_waiting();
}

// What an agent before this one left behind.
void HealthChecker::remove_strangers() {
  const std::vector<HealthTable::Target> all = deps_.table.targets(checker_);
  if (all.size() == targets_.size()) return;
  for (const HealthTable::Target& known : all) {
    if (!targets_.contains({known.ip.bytes(), known.port, known.node})) {
      deps_.table.remove_target(checker_, known.ref);
    }
  }
}

void HealthChecker::set_load(Target& target) {
  const std::uint64_t interval_ms = plan_.checks.active.healthy.interval_ms;
  const ProbePlan::Kind kind = target.probe.plan().kind;
  if (interval_ms == 0 || kind == ProbePlan::Kind::kUdp) return;
  target.load = (kind == ProbePlan::Kind::kHttps ? 10'000.0 : 1000.0) / static_cast<double>(interval_ms);
  deps_.probes.load += target.load;
}

bool HealthChecker::is_usable(const Target& target) const {
  const auto state = deps_.table.state(target.ref);
  return !state || memory::is_usable(state->status);
}

std::uint64_t HealthChecker::interval_of(const Target& target) const {
  const auto& active = plan_.checks.active;
  return target.counts_as_usable ? active.healthy.interval_ms : active.unhealthy.interval_ms;
}

void HealthChecker::schedule_first(Target& target) {
  target.counts_as_usable = is_usable(target);
  const std::uint64_t interval_ms = interval_of(target);
  if (interval_ms == 0) return;
  const std::uint64_t spread_ms =
      std::min(interval_ms, kFirstSpreadMs + kFirstSpreadPerTargetMs * plan_.nodes.size());
  const std::uint64_t delay_ms = deps_.random.below(spread_ms);
  target.due_ms = deps_.probes.loop.clock().monotonic_ms() + delay_ms;
  target.next.set_after_ms(delay_ms);
}

// The period is the interval, whatever a probe takes; what comes too late is not made up for.
void HealthChecker::schedule(Target& target) {
  target.counts_as_usable = is_usable(target);
  const std::uint64_t interval_ms = interval_of(target);
  if (interval_ms == 0) return;
  const std::uint64_t now_ms = deps_.probes.loop.clock().monotonic_ms();
  target.due_ms += interval_ms;
  if (target.due_ms <= now_ms || target.due_ms > now_ms + interval_ms) target.due_ms = now_ms + interval_ms;
  target.next.set_after_ms(target.due_ms - now_ms);
}

void HealthChecker::begin(Target& target) {
  if (target.probe.is_asking() || target.is_linked()) return;
  if (under_way_ >= plan_.checks.active.concurrency) return waiting_.push_back(target);
  // What a kept connection still says is not what new clients of a failing node meet.
  const auto state = deps_.table.state(target.ref);
  const bool is_healthy = state && state->status == memory::HealthStatus::kHealthy;
  ++under_way_;
  if (target.probe.start(/*fresh=*/!is_healthy)) return;
  --under_way_;
  target.next.set_after_ms(kTryAgainMs);
}

void HealthChecker::on_outcome(Target& target, const ProbeOutcome& outcome) {
  const auto& active = plan_.checks.active;
  --under_way_;
  switch (outcome.kind) {
    case ProbeOutcome::Kind::kConnected:
      report(target, HealthEvent::kSuccess, active.healthy.successes);
      break;
    case ProbeOutcome::Kind::kStatus:
      if (active.healthy.http_statuses.contains(outcome.status)) {
        report(target, HealthEvent::kSuccess, active.healthy.successes);
      } else if (outcome.status == 0 || active.unhealthy.http_statuses.contains(outcome.status)) {
        report(target, HealthEvent::kHttpFailure, active.unhealthy.http_failures);
      }
      break;
    case ProbeOutcome::Kind::kFailed:
      report(target, HealthEvent::kTcpFailure, active.unhealthy.tcp_failures);
      break;
    case ProbeOutcome::Kind::kTimeout:
      report(target, HealthEvent::kTimeout, active.unhealthy.timeouts);
      break;
    case ProbeOutcome::Kind::kUnknown:
      break;
  }
  schedule(target);
  begin_waiting();
}

void HealthChecker::begin_waiting() {
  while (!waiting_.empty() && under_way_ < plan_.checks.active.concurrency) {
    Target& target = *waiting_.pop_front();
    begin(target);
  }
}

void HealthChecker::report(Target& target, HealthEvent event, std::uint8_t limit) {
  const auto result = deps_.table.report(checker_, target.ref, event, limit);
  const auto& host = plan_.checks.active.host;
  memory::log_health({.checker = name_,
                      .hostname = host.empty() ? target.name : host,
                      .ip = target.probe.plan().ip,
                      .port = target.probe.plan().port},
                     event, limit, result);
}

// A sum over what the workers see.
std::uint64_t HealthChecker::statuses() const {
  std::uint64_t sum = targets_.size();
  for (const auto& [key, target] : targets_) sum = sum * 31 + is_usable(*target);
  return sum;
}

void HealthChecker::refresh() {
  for (const auto& name : names_) {
    if (name) deps_.resolver.touch(*name);
  }
  if (names_generation_ != deps_.resolver.generation()) {
    const bool has_names =
        std::ranges::any_of(names_, [](const auto& name) { return static_cast<bool>(name); });
    names_generation_ = deps_.resolver.generation();
    if (has_names) reconcile();
  }
  const std::uint64_t version = deps_.table.version(checker_);
  const std::uint64_t now_ms = deps_.probes.loop.clock().monotonic_ms();
  if (version == seen_version_ && now_ms - seen_ms_ < kAuditMs) return;
  seen_ms_ = now_ms;
  const std::uint64_t now = statuses();
  // A process that was killed between a node's change and its bump: bump now.
  if (version == seen_version_ && now != seen_statuses_) deps_.table.bump(checker_);
  seen_version_ = deps_.table.version(checker_);
  if (now == seen_statuses_) return;
  seen_statuses_ = now;
  // A worker turned a node: from now on the other interval counts.
  for (auto& [key, target] : targets_) {
    if (target->counts_as_usable != is_usable(*target) && !target->probe.is_asking() &&
        !target->is_linked()) {
      target->due_ms = now_ms;
      schedule(*target);
    }
  }
}

}  // namespace apisix::agent
