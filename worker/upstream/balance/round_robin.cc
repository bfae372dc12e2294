#include "worker/upstream/balance/round_robin.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace apisix::upstream {

RoundRobin::RoundRobin(std::vector<PickerEntry> entries, base::Random& random)
    : set_(std::move(entries)), random_(random) {
  start_over();
}

void RoundRobin::set_usable(std::span<const std::uint8_t> usable) {
  set_.set_usable(usable);
  start_over();
}

void RoundRobin::start_over() {
  const auto& items = set_.items();
  if (items.empty()) return;
  gcd_ = 0;
  for (const auto& item : items) gcd_ = std::gcd(gcd_, item.weight);
  leaves_ = std::bit_ceil(static_cast<std::uint32_t>(items.size()));
  maxima_.assign(std::size_t{leaves_} * 2, 0);
  for (std::size_t i = 0; i < items.size(); ++i) maxima_[leaves_ + i] = items[i].weight;
  for (std::uint32_t k = leaves_; k-- > 1;) {
    maxima_[k] = std::max(maxima_[std::size_t{k} * 2], maxima_[std::size_t{k} * 2 + 1]);
  }
  largest_ = maxima_[1];
  turn_.threshold = largest_;
  turn_.next = static_cast<std::uint32_t>(random_.below(items.size())) + 1;
}

std::uint32_t RoundRobin::find_from(std::uint32_t from, std::uint32_t threshold) const {
  if (from >= set_.size()) return kEnd;
  std::uint32_t k = leaves_ + from;
  if (maxima_[k] >= threshold) return from;
  // Up until a right neighbour holds one, then down to the leftmost of it.
  while (true) {
    while ((k & 1) != 0) k >>= 1;
    if (k == 0) return kEnd;
    ++k;
    if (maxima_[k] >= threshold) break;
  }
  while (k < leaves_) {
    k *= 2;
    if (maxima_[k] < threshold) ++k;
  }
  return k - leaves_;
}

std::uint32_t RoundRobin::next_turn(Turn& turn) const {
  std::uint32_t at = find_from(turn.next, turn.threshold);
  if (at == kEnd) {
    turn.threshold = turn.threshold > gcd_ ? turn.threshold - gcd_ : largest_;
    at = find_from(0, turn.threshold);
  }
  turn.next = at + 1;
  return at;
}

NodeIndex RoundRobin::pick(const PickInput& input) {
  return choose(input, turn_);
}

NodeIndex RoundRobin::peek(const PickInput& input) const {
  Turn turn = turn_;
  return choose(input, turn);
}

NodeIndex RoundRobin::choose(const PickInput& input, Turn& turn) const {
  if (set_.size() == 0) return kNoNode;
  if (input.tried == nullptr || input.tried->empty()) return set_.items()[next_turn(turn)].index;
  UsableItems::Positions positions;
  return next_untried(set_.tried_positions(input.tried, positions), turn);
}

// Tried nodes lose their turns, as in APISIX. When weights are so uneven that turns do not reach another
// node soon, the nearest one is taken.
NodeIndex RoundRobin::next_untried(std::span<const std::uint32_t> tried, Turn& turn) const {
  constexpr int kTurnsMax = 64;
  if (tried.size() == set_.size()) return kNoNode;
  std::uint32_t at = 0;
  for (int i = 0; i < kTurnsMax; ++i) {
    at = next_turn(turn);
    if (!std::ranges::binary_search(tried, at)) return set_.items()[at].index;
  }
  while (std::ranges::binary_search(tried, at)) at = (at + 1) % static_cast<std::uint32_t>(set_.size());
  return set_.items()[at].index;
}

}  // namespace apisix::upstream
