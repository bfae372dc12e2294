// PriorityLevels: one picker per priority, higher first. A request goes to the next level only when the
// current one has no usable node that it has not tried.
#pragma once

#include <memory>
#include <vector>

#include "worker/upstream/balance/picker.h"

namespace apisix::upstream {

class PriorityLevels final : public Picker {
 public:
  struct Level {
    std::vector<NodeIndex> members;  // ascending
    std::unique_ptr<Picker> picker;
  };

  // Highest priority first.
  explicit PriorityLevels(std::vector<Level> levels) : levels_(std::move(levels)) {}

  void set_usable(std::span<const std::uint8_t> usable) override;
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;
  void after(NodeIndex index, const PickOutcome& outcome) override;

 private:
  std::vector<Level> levels_;
};

}  // namespace apisix::upstream
