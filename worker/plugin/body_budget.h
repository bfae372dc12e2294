// BodyBudget: how many bytes of bodies one worker may hold at a time: what a filter needs whole, request
// bodies read before they are forwarded, bodies of the Admin API, log entries that wait for their collector.
// One per worker, owned by proxy::Services. The owner of buffered bytes has a Charge for them; what does not
// fit is refused with 502 or 503, and a log entry is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "shared/base/clock.h"
#include "shared/memory/status_zone.h"

namespace apisix::plugin {

class BodyBudget {
 public:
  enum class Use : std::uint8_t {
    kTraffic,
    kLogs,      // half of it at most: a collector that is away must not stop traffic
    kOperator,  // something beyond it: operators get in when traffic has used it up
  };
  // Beyond the budget for operators: a whole pushed configuration and ten ordinary bodies.
  static constexpr std::size_t kOperatorReserveBytes = std::size_t{64} << 20;

  BodyBudget(std::size_t bytes_max, const base::Clock& clock) : bytes_max_(bytes_max), clock_(clock) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  std::size_t bytes_max() const { return bytes_max_; }
  std::size_t held() const { return held_; }
  // The most that was held since the last call.
  std::size_t take_peak() { return std::exchange(peak_, held_); }
  std::uint64_t refused_total() const { return refused_total_; }
  // Where others read the fill.
  void publish_to(memory::Tally& fill) { fill_ = &fill; }

  // What one place holds; given back when it is destroyed. Without a budget everything fits: for tests.
  class Charge {
   public:
    Charge() = default;
    explicit Charge(BodyBudget* budget, Use use = Use::kTraffic) : budget_(budget), use_(use) {}
    ~Charge() { set(0); }
    Charge(Charge&& other) noexcept { *this = std::move(other); }
    Charge& operator=(Charge&& other) noexcept {
      set(0);
      budget_ = std::exchange(other.budget_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      use_ = other.use_;
      return *this;
    }

    // `bytes` are held from now on. False: they do not fit, and as many as before are counted.
    bool set(std::size_t bytes) {
      if (budget_ != nullptr && !budget_->change(bytes_, bytes, use_)) return false;
      bytes_ = bytes;
      return true;
    }
    std::size_t bytes() const { return bytes_; }

   private:
    BodyBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
    Use use_ = Use::kTraffic;
  };

 private:
  bool change(std::size_t from, std::size_t to, Use use);
  void note_refused(std::size_t bytes);

  const std::size_t bytes_max_;
  const base::Clock& clock_;
  memory::Tally* fill_ = nullptr;
  std::size_t held_ = 0;
  std::size_t peak_ = 0;
  std::uint64_t refused_total_ = 0;
  std::uint64_t refused_unreported_ = 0;
  std::uint64_t reported_ms_ = 0;
};

}  // namespace apisix::plugin
