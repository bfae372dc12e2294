#include "worker/upstream/balance/picker.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "worker/upstream/balance/consistent_hash.h"
#include "worker/upstream/balance/ewma.h"
#include "worker/upstream/balance/least_conn.h"
#include "worker/upstream/balance/priority_levels.h"
#include "worker/upstream/balance/round_robin.h"
#include "worker/upstream/balance/weighted_random.h"

namespace apisix::upstream {
namespace {

// In the order of Balancer.
constexpr std::array<std::string_view, 5> kNames = {"roundrobin", "chash", "least_conn", "ewma", "random"};

std::unique_ptr<Picker> make_level(Balancer kind, std::vector<PickerEntry> entries, base::Random& random) {
  switch (kind) {
    case Balancer::kRoundRobin:
      return std::make_unique<RoundRobin>(std::move(entries), random);
    case Balancer::kChash:
      return std::make_unique<ConsistentHash>(std::move(entries));
    case Balancer::kLeastConn:
      return std::make_unique<LeastConn>(std::move(entries));
    case Balancer::kEwma:
      return std::make_unique<Ewma>(std::move(entries), random);
    case Balancer::kRandom:
      return std::make_unique<WeightedRandom>(std::move(entries), random);
  }
  return nullptr;
}

}  // namespace

std::optional<Balancer> parse_balancer(std::string_view type) {
  const auto found = std::ranges::find(kNames, type);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Balancer>(found - kNames.begin());
}

std::string_view name_of(Balancer balancer) {
  return kNames[static_cast<std::size_t>(balancer)];
}

std::unique_ptr<Picker> make_picker(Balancer kind, std::vector<PickerEntry> entries, base::Random& random) {
  std::map<std::int32_t, std::vector<PickerEntry>, std::greater<>> by_priority;
  for (auto& entry : entries) by_priority[entry.priority].push_back(std::move(entry));
  if (by_priority.empty()) return make_level(kind, {}, random);
  if (by_priority.size() == 1) return make_level(kind, std::move(by_priority.begin()->second), random);
  std::vector<PriorityLevels::Level> levels;
  for (auto& [priority, members] : by_priority) {
    PriorityLevels::Level level;
    for (const auto& entry : members) level.members.push_back(entry.index);
    std::ranges::sort(level.members);
    level.picker = make_level(kind, std::move(members), random);
    levels.push_back(std::move(level));
  }
  return std::make_unique<PriorityLevels>(std::move(levels));
}

}  // namespace apisix::upstream
