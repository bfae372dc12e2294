// UsableItems: the entries of a picker that may be chosen now, packed, with their effective weights (the
// rule for weight 0 is in picker.h). Ascending by node index, so that a tried node is found by bisection.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "worker/upstream/balance/picker.h"

namespace apisix::upstream {

class UsableItems {
 public:
  struct Item {
    NodeIndex index = 0;
    std::uint32_t weight = 0;
    NodeLoad* load = nullptr;
  };
  using Positions = std::array<std::uint32_t, TriedSet::kTriesMax>;

  explicit UsableItems(std::vector<PickerEntry> entries);

  // An empty span = all.
  void set_usable(std::span<const std::uint8_t> usable);

  const std::vector<Item>& items() const { return items_; }
  const std::vector<PickerEntry>& entries() const { return entries_; }
  std::size_t size() const { return items_.size(); }
  // The tried nodes that are items, as ascending positions.
  std::span<const std::uint32_t> tried_positions(const TriedSet* tried, Positions& into) const;
  const PickerEntry* find_entry(NodeIndex index) const;

 private:
  std::vector<PickerEntry> entries_;
  std::vector<Item> items_;
};

}  // namespace apisix::upstream
