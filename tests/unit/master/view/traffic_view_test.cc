#include "master/view/traffic_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::master {
namespace {

using memory::LatencyBuckets;
using memory::TrafficCells;
using memory::TrafficKind;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::ResultOf;

constexpr std::uint64_t kStartUs = 5'000'000;

TrafficCounts counts(unsigned status, double requests, std::uint64_t latency_us) {
  TrafficCounts out{};
  out[TrafficCells::of_status(status)] = requests;
  out[LatencyBuckets::of(latency_us)] = requests;
  return out;
}

TrafficSample sample(double seconds) {
  TrafficSample out;
  out.at_us = kStartUs + static_cast<std::uint64_t>(seconds * 1e6);
  out.instance.generation = 1;
  return out;
}

std::vector<std::string> names(const std::vector<TrafficRow>& rows) {
  std::vector<std::string> out;
  for (const TrafficRow& row : rows) out.push_back(row.name);
  return out;
}

TEST(Traffic, IsTheDifferenceOfTwoLooks) {
  TrafficSample before = sample(0);
  TrafficSample now = sample(2);
  before.counts[{TrafficKind::kRoute, "r1"}] = counts(200, 100, 1000);
  now.counts[{TrafficKind::kRoute, "r1"}] = counts(200, 150, 1000);
  now.counts[{TrafficKind::kRoute, "r2"}] = counts(502, 30, 1000);
  now.counts[{TrafficKind::kUpstream, "upstreams/1"}] = counts(502, 30, 1000);
  const Traffic traffic = Traffic::between(before, now, TrafficOrder::kRate);
  EXPECT_EQ(traffic.seconds, 2);
  EXPECT_EQ(traffic.all.requests(), 80) << "upstreams are not counted twice";
  EXPECT_EQ(names(traffic.routes), (std::vector<std::string>{"r1", "r2"}));
  EXPECT_EQ(names(Traffic::between(before, now, TrafficOrder::kErrors).routes),
            (std::vector<std::string>{"r2", "r1"}));
  EXPECT_EQ(names(traffic.upstreams), std::vector<std::string>{"upstreams/1"});
}

TEST(Traffic, RestartedGatewayCountsFromZero) {
  TrafficSample before = sample(0);
  TrafficSample now = sample(1);
  before.counts[{TrafficKind::kRoute, "r1"}] = counts(200, 1000, 1000);
  now.counts[{TrafficKind::kRoute, "r1"}] = counts(200, 7, 1000);
  EXPECT_EQ(Traffic::between(before, now, TrafficOrder::kRate).all.requests(), 7);
}

TEST(Traffic, PercentilesAreWithinTheirBucket) {
  TrafficRow row;
  row.counts[LatencyBuckets::of(900)] = 90;
  row.counts[LatencyBuckets::of(20'000)] = 9;
  row.counts[LatencyBuckets::of(3'000'000)] = 1;
  EXPECT_GT(*row.percentile_ms(0.5), 0.768);
  EXPECT_LE(*row.percentile_ms(0.5), 1.024);
  EXPECT_GT(*row.percentile_ms(0.95), 16.384);
  EXPECT_LE(*row.percentile_ms(0.99), 24.576);
  EXPECT_GT(*row.percentile_ms(0.999), 2'000);
  EXPECT_FALSE(TrafficRow{}.percentile_ms(0.5));
}

TEST(Traffic, SlowestPossibleHasALowerBound) {
  TrafficRow row;
  row.counts[LatencyBuckets::kCount - 1] = 3;
  EXPECT_EQ(*row.percentile_ms(0.5), static_cast<double>(LatencyBuckets::bound_us(39)) / 1000);
}

TEST(Traffic, OrdersGoRound) {
  TrafficOrder order = TrafficOrder::kRate;
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(find_order(name_of(order)), order);
    order = next(order);
  }
  EXPECT_EQ(order, TrafficOrder::kRate);
  EXPECT_FALSE(find_order("size"));
}

TEST(TopView, FitsTheScreenWhateverThereIs) {
  TrafficSample now = sample(1);
  for (int i = 0; i < 300; ++i) {
    const std::string name = "a-route-with-a-rather-long-name-" + std::to_string(i);
    now.counts[{TrafficKind::kRoute, name}] = counts(200, 12345.0 * i, 50'000'000);
    now.counts[{TrafficKind::kUpstream, name}] = counts(503, 12345.0 * i, 99);
  }
  const Traffic traffic = Traffic::between(sample(0), now, TrafficOrder::kRate);
  for (std::size_t rows = 1; rows < 60; ++rows) {
    const auto lines = top_lines(traffic, now, TrafficOrder::kRate, rows, {.columns = 80});
    EXPECT_LE(lines.size(), rows);
    EXPECT_THAT(lines, Each(ResultOf(width_of, Le(80u))));
  }
  const auto lines = top_lines(traffic, now, TrafficOrder::kRate, 23, {.columns = 80});
  EXPECT_EQ(lines.size(), 23u);
  EXPECT_THAT(lines, Contains(HasSubstr("and 290 more"))) << "two thirds for routes";
  EXPECT_THAT(lines, Contains(HasSubstr("UPSTREAM")));
}

TEST(TopView, QuietGatewayHasTitlesOnly) {
  const TrafficSample now = sample(1);
  const Traffic traffic = Traffic::between(sample(0), now, TrafficOrder::kRate);
  EXPECT_THAT(traffic.routes, IsEmpty());
  const auto lines = top_lines(traffic, now, TrafficOrder::kRate, 0, {});
  EXPECT_THAT(lines, Contains("Requests     0/s  2xx 0%  3xx 0%  4xx 0%  5xx 0%"));
  EXPECT_THAT(lines, Contains("Latency      p50 -  p90 -  p99 -"));
  EXPECT_THAT(lines, Contains("Nodes        none is checked"));
}

TEST(TopView, JsonIsPerSecond) {
  TrafficSample now = sample(2);
  now.counts[{TrafficKind::kRoute, ""}] = counts(404, 4, 1000);
  const format::Json json = top_json(Traffic::between(sample(0), now, TrafficOrder::kRate), now);
  EXPECT_EQ(json["requests_per_s"].asDouble(), 2);
  EXPECT_EQ(json["by_class"]["4xx"].asDouble(), 2);
  EXPECT_EQ(json["routes"][0]["name"].asString(), "");
  EXPECT_GT(json["routes"][0]["latency_ms"]["p99"].asDouble(), 0.7);
  EXPECT_EQ(json["nodes"]["checked"].asUInt(), 0u);
}

}  // namespace
}  // namespace apisix::master
