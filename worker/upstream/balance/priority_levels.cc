#include "worker/upstream/balance/priority_levels.h"

#include <algorithm>

namespace apisix::upstream {

void PriorityLevels::set_usable(std::span<const std::uint8_t> usable) {
  for (auto& level : levels_) level.picker->set_usable(usable);
}

NodeIndex PriorityLevels::pick(const PickInput& input) {
  for (auto& level : levels_) {
    const NodeIndex index = level.picker->pick(input);
    if (index != kNoNode) return index;
  }
  return kNoNode;
}

NodeIndex PriorityLevels::peek(const PickInput& input) const {
  for (const auto& level : levels_) {
    const NodeIndex index = level.picker->peek(input);
    if (index != kNoNode) return index;
  }
  return kNoNode;
}

void PriorityLevels::after(NodeIndex index, const PickOutcome& outcome) {
  for (auto& level : levels_) {
    if (std::ranges::binary_search(level.members, index)) return level.picker->after(index, outcome);
  }
}

}  // namespace apisix::upstream
