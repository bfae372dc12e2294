#include "worker/upstream/balance/weighted_random.h"

#include <algorithm>

namespace apisix::upstream {

WeightedRandom::WeightedRandom(std::vector<PickerEntry> entries, base::Random& random)
    : set_(std::move(entries)), random_(random) {
  add_up();
}

void WeightedRandom::set_usable(std::span<const std::uint8_t> usable) {
  set_.set_usable(usable);
  add_up();
}

void WeightedRandom::add_up() {
  ends_.clear();
  std::uint64_t total = 0;
  for (const auto& item : set_.items()) ends_.push_back(total += item.weight);
}

NodeIndex WeightedRandom::pick(const PickInput& input) {
  return choose(input, random_);
}

NodeIndex WeightedRandom::peek(const PickInput& input) const {
  base::Random next = random_;
  return choose(input, next);
}

NodeIndex WeightedRandom::choose(const PickInput& input, base::Random& random) const {
  UsableItems::Positions positions;
  const auto tried = set_.tried_positions(input.tried, positions);
  if (tried.size() == set_.size()) return kNoNode;
  std::uint64_t left = ends_.back();
  for (const std::uint32_t position : tried) left -= set_.items()[position].weight;
  std::uint64_t at = random.below(left);
  for (const std::uint32_t position : tried) {
    const std::uint64_t weight = set_.items()[position].weight;
    if (at >= ends_[position] - weight) at += weight;
  }
  return set_.items()[static_cast<std::size_t>(std::ranges::upper_bound(ends_, at) - ends_.begin())].index;
}

}  // namespace apisix::upstream
