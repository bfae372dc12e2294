#include "shared/memory/traffic.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace apisix::memory {
namespace {

MetricZone make_zone(std::size_t bytes = 1 << 20) {
  auto zone = MetricZone::create(kTrafficZone, bytes, 2);
  EXPECT_TRUE(zone);
  return std::move(*zone);
}

const TrafficSeries* find(const std::vector<TrafficSeries>& all, TrafficKind kind, std::string_view name) {
  const auto found = std::ranges::find_if(
      all, [&](const TrafficSeries& one) { return one.kind == kind && one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

TEST(LatencyBuckets, EveryBoundIsTheLastValueOfItsBucket) {
  for (std::size_t bucket = 0; bucket + 1 < LatencyBuckets::kCount; ++bucket) {
    const std::uint64_t bound = LatencyBuckets::bound_us(bucket);
    EXPECT_EQ(LatencyBuckets::of(bound), bucket) << bound;
    EXPECT_EQ(LatencyBuckets::of(bound + 1), bucket + 1) << bound;
  }
  EXPECT_EQ(LatencyBuckets::of(0), 0u);
  EXPECT_EQ(LatencyBuckets::of(~std::uint64_t{0}), LatencyBuckets::kCount - 1);
}

TEST(TrafficCells, StatusesFallIntoTheirClass) {
  EXPECT_EQ(TrafficCells::of_status(100), TrafficCells::kFirstClass);
  EXPECT_EQ(TrafficCells::of_status(299), TrafficCells::kFirstClass + 1);
  EXPECT_EQ(TrafficCells::of_status(599), TrafficCells::kFirstClass + 4);
  for (const unsigned status : {0U, 99U, 600U, 999U}) {
    EXPECT_EQ(TrafficCells::of_status(status), TrafficCells::kOtherStatus);
  }
}

TEST(Traffic, WorkersOfOneRouteAreAddedUp) {
  MetricZone zone = make_zone();
  TrafficMeter first(zone, 0);
  TrafficMeter second(zone, 1);
  TrafficPlace places[2];
  first.count(TrafficKind::kRoute, "r1", places[0], 200, 100);
  first.count(TrafficKind::kRoute, "r1", places[0], 503, 70'000'000);
  second.count(TrafficKind::kRoute, "r1", places[1], 200, 100);
  second.count_unrouted(404, 10);

  const auto all = read_traffic(zone);
  const TrafficSeries* route = find(all, TrafficKind::kRoute, "r1");
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(route->cells[TrafficCells::of_status(200)], 2);
  EXPECT_EQ(route->cells[TrafficCells::of_status(500)], 1);
  EXPECT_EQ(route->cells[LatencyBuckets::of(100)], 2);
  EXPECT_EQ(route->cells[LatencyBuckets::kCount - 1], 1);
  EXPECT_EQ(route->cells[TrafficCells::kTotalUs], 70'000'200);
  const TrafficSeries* none = find(all, TrafficKind::kRoute, "");
  ASSERT_NE(none, nullptr);
  EXPECT_EQ(none->cells[TrafficCells::of_status(404)], 1);
}

TEST(Traffic, RouteAndUpstreamOfOneNameAreTwo) {
  MetricZone zone = make_zone();
  TrafficMeter meter(zone, 0);
  TrafficPlace route;
  TrafficPlace upstream;
  meter.count(TrafficKind::kRoute, "1", route, 200, 100);
  meter.count(TrafficKind::kUpstream, "1", upstream, 502, 100);
  const auto all = read_traffic(zone);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(find(all, TrafficKind::kUpstream, "1")->cells[TrafficCells::of_status(502)], 1);
  EXPECT_EQ(find(all, TrafficKind::kRoute, "1")->cells[TrafficCells::of_status(502)], 0);
}

TEST(Traffic, TunnelsHaveNoLatency) {
  MetricZone zone = make_zone();
  TrafficMeter meter(zone, 0);
  TrafficPlace place;
  meter.count(TrafficKind::kRoute, "chat", place, 101, 3'600'000'000);
  const auto all = read_traffic(zone);
  EXPECT_EQ(all[0].cells[TrafficCells::of_status(101)], 1);
  EXPECT_EQ(std::count(all[0].cells.begin(), all[0].cells.begin() + LatencyBuckets::kCount, 0),
            static_cast<std::ptrdiff_t>(LatencyBuckets::kCount));
}

TEST(Traffic, WhatDoesNotFitIsCountedAsOne) {
  MetricZone zone = make_zone();
  TrafficMeter meter(zone, 0);
  const std::size_t count = 20'000;
  for (std::size_t i = 0; i < count; ++i) {
    TrafficPlace place;
    meter.count(TrafficKind::kRoute, "route-" + std::to_string(i), place, 200, 100);
  }
  double total = 0;
  std::size_t others = 0;
  for (const TrafficSeries& one : read_traffic(zone)) {
    total += one.cells[TrafficCells::of_status(200)];
    others += one.is_overflow ? 1 : 0;
  }
  EXPECT_EQ(total, static_cast<double>(count));
  EXPECT_EQ(others, 1u);
}

TEST(Traffic, RetiredSeriesIsFoundAgainWithItsCounts) {
  MetricZone zone = make_zone();
  TrafficMeter meter(zone, 0);
  TrafficPlace place;
  meter.count(TrafficKind::kRoute, "r1", place, 200, 100);
  zone.retire(place.handle.id, 1000);
  EXPECT_TRUE(read_traffic(zone).empty());
  meter.count(TrafficKind::kRoute, "r1", place, 200, 100);
  const auto all = read_traffic(zone);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].cells[TrafficCells::of_status(200)], 2);
}

}  // namespace
}  // namespace apisix::memory
