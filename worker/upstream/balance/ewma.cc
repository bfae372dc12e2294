#include "worker/upstream/balance/ewma.h"

#include <cmath>

namespace apisix::upstream {
namespace {

double decayed(const NodeLoad& load, std::uint64_t now_us, double latency_us) {
  if (load.touched_us == 0) return latency_us;
  const std::uint64_t age = now_us > load.touched_us ? now_us - load.touched_us : 0;
  if (age > Ewma::kMemoryUs) return latency_us;
  const double keep = std::exp(-static_cast<double>(age) / static_cast<double>(Ewma::kDecayUs));
  return load.ewma_us * keep + latency_us * (1.0 - keep);
}

// The position of the `rank`-th item that was not tried.
std::uint64_t skip_tried(std::uint64_t rank, std::span<const std::uint32_t> tried) {
  for (const std::uint32_t position : tried) {
    if (position <= rank) ++rank;
  }
  return rank;
}

}  // namespace

NodeIndex Ewma::pick(const PickInput& input) {
  return choose(input, random_);
}

NodeIndex Ewma::peek(const PickInput& input) const {
  base::Random next = random_;
  return choose(input, next);
}

NodeIndex Ewma::choose(const PickInput& input, base::Random& random) const {
  UsableItems::Positions positions;
  const auto tried = set_.tried_positions(input.tried, positions);
  const std::uint64_t left = set_.size() - tried.size();
  if (left == 0) return kNoNode;
  const std::uint64_t first = random.below(left);
  const auto& a = set_.items()[skip_tried(first, tried)];
  if (left == 1) return a.index;
  std::uint64_t second = random.below(left - 1);
  if (second >= first) ++second;
  const auto& b = set_.items()[skip_tried(second, tried)];
  return decayed(*a.load, input.now_us, 0) > decayed(*b.load, input.now_us, 0) ? b.index : a.index;
}

void Ewma::after(NodeIndex index, const PickOutcome& outcome) {
  const PickerEntry* entry = set_.find_entry(index);
  if (entry == nullptr || outcome.failed) return;
  NodeLoad& load = *entry->load;
  load.ewma_us = decayed(load, outcome.now_us, static_cast<double>(outcome.latency_us));
  load.touched_us = outcome.now_us;
}

}  // namespace apisix::upstream
