// LeastConn: the node with the smallest (active + 1) / weight; of equals, the one whose last turn is the
// longest ago. `active` counts the exchanges of this worker and lives in NodeLoad, so it survives changes.
//
// A heap over the loads of its items. A load belongs to the heap of the newest picker; an older picker
// (a request in flight that retries after a change) looks at its nodes one by one instead.
#pragma once

#include <vector>

#include "worker/upstream/balance/usable_items.h"

namespace apisix::upstream {

class LeastConn final : public Picker {
 public:
  explicit LeastConn(std::vector<PickerEntry> entries);
  ~LeastConn() override { let_go(); }

  void set_usable(std::span<const std::uint8_t> usable) override;
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;
  void after(NodeIndex index, const PickOutcome& outcome) override;

 private:
  using Item = UsableItems::Item;

  void take_loads();
  void let_go();
  static bool comes_before(const Item& a, const Item& b);
  const Item& at(std::uint32_t place) const { return set_.items()[heap_[place]]; }
  void put(std::uint32_t place, std::uint32_t position);
  void sift_up(std::uint32_t place);
  void sift_down(std::uint32_t place);
  void load_changed(std::uint32_t place);
  // Positions in set_.
  std::uint32_t best(const TriedSet* tried) const;
  std::uint32_t best_of_heap(const TriedSet* tried) const;
  std::uint32_t best_of_all(const TriedSet* tried) const;

  UsableItems set_;
  std::vector<std::uint32_t> heap_;  // positions in set_, smallest first
  bool owns_loads_ = false;          // all of them, or none
};

}  // namespace apisix::upstream
