// RoundRobin: weighted, in the order that users of APISIX (lua-resty-balancer) see. A threshold starts at the
// largest weight; one pass over the nodes gives each whose weight reaches it one turn; then the threshold
// falls by the greatest common divisor of the weights, and starts over after the last. So any
// sum(weight)/gcd picks in a row hold each node exactly weight/gcd times (the invariant). The first pick
// starts after a random node.
//
// The next node over the threshold is found in a tree of maxima: O(log n), and O(1) for equal weights.
#pragma once

#include <vector>

#include "worker/upstream/balance/usable_items.h"

namespace apisix::upstream {

class RoundRobin final : public Picker {
 public:
  RoundRobin(std::vector<PickerEntry> entries, base::Random& random);

  void set_usable(std::span<const std::uint8_t> usable) override;
  NodeIndex pick(const PickInput& input) override;
  NodeIndex peek(const PickInput& input) const override;

 private:
  static constexpr std::uint32_t kEnd = ~std::uint32_t{0};

  // Where the current pass is.
  struct Turn {
    std::uint32_t threshold = 0;
    std::uint32_t next = 0;
  };

  void start_over();
  NodeIndex choose(const PickInput& input, Turn& turn) const;
  std::uint32_t next_turn(Turn& turn) const;
  // The first position >= `from` whose weight reaches the threshold, or kEnd.
  std::uint32_t find_from(std::uint32_t from, std::uint32_t threshold) const;
  NodeIndex next_untried(std::span<const std::uint32_t> tried, Turn& turn) const;

  UsableItems set_;
  base::Random& random_;
  std::vector<std::uint32_t> maxima_;  // tree: node k covers 2k and 2k+1; the leaves start at leaves_
  std::uint32_t leaves_ = 0;
  std::uint32_t gcd_ = 1;
  std::uint32_t largest_ = 0;
  Turn turn_;
};

}  // namespace apisix::upstream
