#include "worker/upstream/balance/usable_items.h"

#include <algorithm>

namespace apisix::upstream {

UsableItems::UsableItems(std::vector<PickerEntry> entries) : entries_(std::move(entries)) {
  std::ranges::sort(entries_, {}, &PickerEntry::index);
  items_.reserve(entries_.size());
  set_usable({});
}

void UsableItems::set_usable(std::span<const std::uint8_t> usable) {
  const auto is_usable = [&](const PickerEntry& entry) {
    return usable.empty() || (entry.index < usable.size() && usable[entry.index] != 0);
  };
  const bool any_weight =
      std::ranges::any_of(entries_, [&](const auto& entry) { return entry.weight > 0 && is_usable(entry); });
  items_.clear();
  for (const auto& entry : entries_) {
    if (!is_usable(entry) || (any_weight && entry.weight == 0)) continue;
    items_.push_back({entry.index, std::max(entry.weight, 1u), entry.load.get()});
  }
}

std::span<const std::uint32_t> UsableItems::tried_positions(const TriedSet* tried, Positions& into) const {
  std::size_t count = 0;
  if (tried != nullptr) {
    for (const NodeIndex index : *tried) {
      const auto at = std::ranges::lower_bound(items_, index, {}, &Item::index);
      if (at == items_.end() || at->index != index) continue;
      into[count++] = static_cast<std::uint32_t>(at - items_.begin());
    }
    std::sort(into.begin(), into.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return {into.data(), count};
}

const PickerEntry* UsableItems::find_entry(NodeIndex index) const {
  const auto at = std::ranges::lower_bound(entries_, index, {}, &PickerEntry::index);
  return at != entries_.end() && at->index == index ? &*at : nullptr;
}

}  // namespace apisix::upstream
