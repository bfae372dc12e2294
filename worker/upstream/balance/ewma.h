// Ewma: of two random nodes the one with the lower latency, a moving average that decays by e every 10 s,
// so that a node which got no traffic is retried. Weights do not matter (but 0: see picker.h).
// After 60 s without a measurement a node starts afresh.
#pragma once

#include <vector>

#include "worker/upstream/balance/usable_items.h"

namespace apisix::upstream {

class Ewma final : public Picker {
 public:
  static constexpr std::uint64_t kDecayUs = 10'000'000;
  static constexpr std::uint64_t kMemoryUs = 60'000'000;

  Ewma(std::vector<PickerEntry> entries, base::Random& random) : set_(std::move(entries)), random_(random) {}

  void set_usable(std::span<const std::uint8_t> usable) override { set_.set_usable(usable); }
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;
  void after(NodeIndex index, const PickOutcome& outcome) override;

 private:
  NodeIndex choose(const PickInput& input, base::Random& random) const;

  UsableItems set_;
  base::Random& random_;
};

}  // namespace apisix::upstream
