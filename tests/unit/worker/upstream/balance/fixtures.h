// What the balancer tests share: entries from weights, and counting picks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "worker/upstream/balance/picker.h"

namespace apisix::upstream {

inline std::vector<PickerEntry> entries_of(const std::vector<std::uint32_t>& weights) {
  std::vector<PickerEntry> entries;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    PickerEntry entry;
    entry.index = i;
    entry.weight = weights[i];
    entry.ring_id = "10.0.0." + std::to_string(i) + ":80";
    entry.load = base::make_counted<NodeLoad>();
    entries.push_back(std::move(entry));
  }
  return entries;
}

inline std::map<NodeIndex, int> count_picks(Picker& picker, int picks, const PickInput& input = {}) {
  std::map<NodeIndex, int> counts;
  for (int i = 0; i < picks; ++i) {
    const NodeIndex index = picker.pick(input);
    ++counts[index];
    picker.after(index, {});
  }
  return counts;
}

inline TriedSet tried_of(std::initializer_list<NodeIndex> indexes) {
  TriedSet tried;
  for (const NodeIndex index : indexes) tried.mark(index);
  return tried;
}

}  // namespace apisix::upstream
