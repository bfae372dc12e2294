// Traffic: what every request adds to without any plugin, so that `apisix top` can show rates, status classes
// and latencies by route and upstream. A MetricZone of its own, with one series for each route and
// each upstream; its cells are 41 buckets of latency, five status classes, and others.
//
// A place is kept in the object that is counted for; counting is a look at one word and three additions.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "shared/memory/metric_zone.h"

namespace apisix::memory {

inline constexpr const char* kTrafficZone = "traffic";

enum class TrafficKind : std::uint8_t { kRoute, kUpstream };

// Buckets of microseconds: 64, 96, 128, 192, ... 2^k and 1.5 * 2^k, up to 50 s; the last has no end.
struct LatencyBuckets {
  static constexpr std::size_t kCount = 41;
  // The largest value of a bucket.
  static constexpr std::uint64_t bound_us(std::size_t bucket) {
    return (std::uint64_t{64} << bucket / 2) + (bucket % 2 == 1 ? std::uint64_t{32} << bucket / 2 : 0);
  }
  static constexpr std::size_t of(std::uint64_t us) {
    if (us <= 64) return 0;
    const std::uint64_t below = us - 1;
    const auto power = static_cast<std::size_t>(std::bit_width(below)) - 1;
    const std::size_t bucket = 2 * (power - 6) + (below >> (power - 1) & 1) + 1;
    return bucket < kCount ? bucket : kCount - 1;
  }
};

// Where the cells of one series are.
struct TrafficCells {
  static constexpr std::size_t kFirstClass = LatencyBuckets::kCount;  // of 1xx, then 2xx, ... 5xx
  static constexpr std::size_t kClasses = 5;
  static constexpr std::size_t kOtherStatus = kFirstClass + kClasses;  // none, or beyond 599
  static constexpr std::size_t kTotalUs = kOtherStatus + 1;
  static constexpr std::size_t kCount = kTotalUs + 1;

  static constexpr std::size_t of_status(unsigned status) {
    return status >= 100 && status < 600 ? kFirstClass + status / 100 - 1 : kOtherStatus;
  }
};

// What a route or an upstream keeps of its series.
struct TrafficPlace {
  MetricZone::Handle handle;
  MetricCell* cells = nullptr;
};

// One per worker.
class TrafficMeter {
 public:
  TrafficMeter(MetricZone& zone, std::size_t owner);

  // `name` says whose place it is; asked for only when the place is not known yet.
  void count(TrafficKind kind, std::string_view name, TrafficPlace& place, unsigned status,
             std::uint64_t latency_us) {
    if (place.cells == nullptr || !zone_.is_current(place.handle)) [[unlikely]]
      return count_in_new(kind, name, place, status, latency_us);
    add(place.cells, status, latency_us);
  }
  // Of requests that no route was found for.
  void count_unrouted(unsigned status, std::uint64_t latency_us) {
    count(TrafficKind::kRoute, {}, unrouted_, status, latency_us);
  }

 private:
  static constexpr unsigned kSwitchingProtocols = 101;

  // Apart, and the last thing that count() does: what is always so needs no registers for it.
  void count_in_new(TrafficKind kind, std::string_view name, TrafficPlace& place, unsigned status,
                    std::uint64_t latency_us);
  static void add(MetricCell* cells, unsigned status, std::uint64_t latency_us) {
    cells[TrafficCells::of_status(status)].add(1);
    if (status == kSwitchingProtocols) return;  // a tunnel's lifetime is no latency
    cells[LatencyBuckets::of(latency_us)].add(1);
    // Of a signed number the conversion is one instruction.
    cells[TrafficCells::kTotalUs].add(static_cast<double>(static_cast<std::int64_t>(latency_us)));
  }

  MetricZone& zone_;
  const std::size_t owner_;
  bool can_count_;
  std::array<FamilyId, 2> families_{};
  TrafficPlace unrouted_;
};

// What was counted for one route or upstream, by all processes that lived since the start.
struct TrafficSeries {
  TrafficKind kind = TrafficKind::kRoute;
  std::string_view name;     // in the zone; of no route: ""
  bool is_overflow = false;  // all those that there was no room for
  std::array<double, TrafficCells::kCount> cells{};
};
std::vector<TrafficSeries> read_traffic(const MetricZone& zone);

}  // namespace apisix::memory
