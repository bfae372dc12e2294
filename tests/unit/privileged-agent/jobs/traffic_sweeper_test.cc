#include "privileged-agent/jobs/traffic_sweeper.h"

#include <gtest/gtest.h>

#include "shared/memory/traffic.h"

namespace apisix::agent {
namespace {

using memory::TrafficKind;

struct Zone {
  event::Loop loop;
  memory::MetricZone zone = std::move(*memory::MetricZone::create(memory::kTrafficZone, 1 << 20, 1));
  memory::TrafficMeter meter{zone, 0};
  TrafficSweeper sweeper{loop, zone};
};

TEST(TrafficSweeper, IdleRoutesMakeRoomAndBusyOnesStay) {
  Zone deps;
  memory::TrafficPlace idle;
  memory::TrafficPlace busy;
  deps.meter.count(TrafficKind::kRoute, "idle", idle, 200, 100);
  std::uint64_t now_ms = 1;
  for (; now_ms <= TrafficSweeper::kIdleMs; now_ms += TrafficSweeper::kEveryMs) {
    deps.meter.count(TrafficKind::kRoute, "busy", busy, 200, 100);
    deps.sweeper.sweep(now_ms);
    EXPECT_EQ(memory::read_traffic(deps.zone).size(), 2u) << now_ms;
  }
  deps.meter.count(TrafficKind::kRoute, "busy", busy, 200, 100);
  deps.sweeper.sweep(now_ms);
  const auto left = memory::read_traffic(deps.zone);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "busy");

  // After a while its place is free: who still has it asks again, and counts from 0.
  now_ms += memory::MetricZone::kReuseAfterMs;
  deps.sweeper.sweep(now_ms);
  deps.meter.count(TrafficKind::kRoute, "idle", idle, 200, 100);
  const auto again = memory::read_traffic(deps.zone);
  ASSERT_EQ(again.size(), 2u);
  for (const memory::TrafficSeries& one : again) {
    if (one.name == "idle") EXPECT_EQ(one.cells[memory::TrafficCells::of_status(200)], 1);
  }
}

}  // namespace
}  // namespace apisix::agent
