// TrafficSweeper: the job that keeps room in the zone of `apisix top`: a route or upstream that got no
// request for kIdleMs gives its place back, so that those that come later are not counted as "(others)". One
// that is asked for again gets a new place. Owned by the agent.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "shared/event/loop.h"
#include "shared/memory/metric_zone.h"

namespace apisix::agent {

class TrafficSweeper {
 public:
  static constexpr std::uint64_t kEveryMs = 60'000;
  static constexpr std::uint64_t kIdleMs = 600'000;

  // The zone outlives it.
  TrafficSweeper(event::Loop& loop, memory::MetricZone& zone);

  // One look, which the timer takes every kEveryMs.
  void sweep(std::uint64_t now_ms);

 private:
  struct Seen {
    double total = 0;  // of its cells
    std::uint64_t since_ms = 0;
  };
  void on_time();

  event::Loop& loop_;
  memory::MetricZone& zone_;
  std::unordered_map<memory::SeriesId, Seen> seen_;
  event::Timer timer_;
};

}  // namespace apisix::agent
