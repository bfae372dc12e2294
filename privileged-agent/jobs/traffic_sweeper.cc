#include "privileged-agent/jobs/traffic_sweeper.h"

#include <numeric>
#include <utility>

namespace apisix::agent {

TrafficSweeper::TrafficSweeper(event::Loop& loop, memory::MetricZone& zone)
    : loop_(loop),
      zone_(zone),
      timer_(loop.timers(), [](void* self) { static_cast<TrafficSweeper*>(self)->on_time(); }, this) {
  timer_.set_after_ms(kEveryMs);
}

void TrafficSweeper::on_time() {
  sweep(loop_.clock().monotonic_ms());
  timer_.set_after_ms(kEveryMs);
}

void TrafficSweeper::sweep(std::uint64_t now_ms) {
  const memory::MetricZone::Snapshot snapshot = zone_.read();
  const std::unordered_map<memory::SeriesId, Seen> before = std::exchange(seen_, {});
  auto values = snapshot.values.begin();
  for (const memory::MetricZone::Series& series : snapshot.series) {
    const auto end =
        values + static_cast<std::ptrdiff_t>(memory::MetricZone::cell_count(zone_.family(series.family)));
    const double total = std::accumulate(values, end, 0.0);
    values = end;
    const auto known = before.find(series.id);
    const bool is_quiet = known != before.end() && known->second.total == total;
    const Seen seen = is_quiet ? known->second : Seen{total, now_ms};
    if (now_ms - seen.since_ms < kIdleMs) {
      seen_.emplace(series.id, seen);
    } else {
      zone_.retire(series.id, now_ms);
    }
  }
  zone_.sweep(now_ms);
}

}  // namespace apisix::agent
