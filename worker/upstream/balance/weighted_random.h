// WeightedRandom: each node with a probability in proportion to its weight, independent of the picks before.
// Not an APISIX balancer; it needs no state, so many workers with few requests each still spread evenly.
#pragma once

#include <vector>

#include "worker/upstream/balance/usable_items.h"

namespace apisix::upstream {

class WeightedRandom final : public Picker {
 public:
  WeightedRandom(std::vector<PickerEntry> entries, base::Random& random);

  void set_usable(std::span<const std::uint8_t> usable) override;
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;

 private:
  void add_up();
  NodeIndex choose(const PickInput& input, base::Random& random) const;

  UsableItems set_;
  base::Random& random_;
  std::vector<std::uint64_t> ends_;  // running sums of the weights
};

}  // namespace apisix::upstream
