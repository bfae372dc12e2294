#include "worker/plugin/body_budget.h"

#include <algorithm>

#include "shared/base/log.h"

namespace apisix::plugin {
namespace {

constexpr std::uint64_t kReportMs = 1000;

}  // namespace

bool BodyBudget::change(std::size_t from, std::size_t to, Use use) {
  if (to > from) {
    std::size_t most = bytes_max_;
    if (use == Use::kOperator) most += kOperatorReserveBytes;
    const bool fits = held_ <= most && to - from <= most - held_;
    const bool is_in_share = use != Use::kLogs || to <= bytes_max_ / 2;
    if (!fits || !is_in_share) {
      if (use != Use::kLogs) note_refused(to - from);  // loggers report what they drop
      return false;
    }
  }
  held_ = held_ - from + to;
  peak_ = std::max(peak_, held_);
  if (fill_ != nullptr) fill_->set(held_);
  return true;
}

// One line a second: who fills the budget must not fill the log as well.
void BodyBudget::note_refused(std::size_t bytes) {
  ++refused_total_;
  ++refused_unreported_;
  const std::uint64_t now_ms = clock_.monotonic_ms();
  if (reported_ms_ != 0 && now_ms - reported_ms_ < kReportMs) return;
  base::log_error(
      "held_bodies_size ({} bytes) is used up: {} bytes are held, {} more do not fit; refused: {}",
      bytes_max_, held_, bytes, std::exchange(refused_unreported_, 0));
  reported_ms_ = now_ms;
}

}  // namespace apisix::plugin
