// RegexBudget: the steps that all regular expressions of one request may take together, so that many short
// matches cannot do what one long match may not. A step is one try of the matcher, 2 to 5 ns with JIT. Who
// matches asks gave_up() afterwards: a match that ran out of its budget is neither a match nor none.
#pragma once

#include <algorithm>
#include <cstdint>

namespace apisix::format {

class RegexBudget {
 public:
  // 10 to 20 ms. An ordinary match is charged 16 steps per byte (Regex::kStepsPerByte): 250 KB of text times
  // patterns, for example 1,000 patterns on a User-Agent of 250 bytes.
  static constexpr std::uint64_t kRequestSteps = 4'000'000;

  explicit RegexBudget(std::uint64_t steps = kRequestSteps) : left_(steps) {}

  std::uint64_t left() const { return left_; }
  bool is_used_up() const { return left_ == 0; }
  void charge(std::uint64_t steps) { left_ -= std::min(left_, steps); }

  // Matches that ended without a result.
  std::uint32_t gave_up() const { return gave_up_; }
  void count_gave_up() { ++gave_up_; }

 private:
  std::uint64_t left_;
  std::uint32_t gave_up_ = 0;
};

}  // namespace apisix::format
