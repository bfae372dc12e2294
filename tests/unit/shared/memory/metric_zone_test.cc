#include "shared/memory/metric_zone.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/memory/metric_text.h"
#include "shared/memory/metric_writer.h"

namespace apisix::memory {
namespace {

constexpr std::size_t kBytes = 4 << 20;
constexpr MetricFamily kRequests{MetricType::kCounter, "requests_total", "Requests.", {}};

class MetricZoneTest : public testing::Test {
 protected:
  std::string text() const {
    std::string out;
    write_metrics_text(zone, out);
    return out;
  }
  MetricZone zone = std::move(*MetricZone::create("test", kBytes, 2));
};

TEST_F(MetricZoneTest, AddsUpWhatAllProcessesCounted) {
  MetricWriter first(zone, 0);
  MetricWriter second(zone, 5);
  const FamilyId id = *first.add_family(kRequests);
  EXPECT_EQ(*second.add_family(kRequests), id);
  first.add(id, "code=\"200\"", 2);
  second.add(id, "code=\"200\"");
  second.add(id, "code=\"404\"", 0.5);
  EXPECT_EQ(text(),
            "# HELP requests_total Requests.\n# TYPE requests_total counter\n"
            "requests_total{code=\"200\"} 3\nrequests_total{code=\"404\"} 0.5\n");
}

TEST_F(MetricZoneTest, HistogramIsCumulative) {
  const double bounds[] = {0.5, 1, 10};
  MetricWriter writer(zone, 0);
  const FamilyId id = *writer.add_family({MetricType::kHistogram, "latency", "", bounds});
  for (const double value : {0.1, 0.5, 0.7, 10.0, 99.0}) writer.observe(id, "r=\"1\"", value);
  EXPECT_EQ(text(),
            "# HELP latency \n# TYPE latency histogram\n"
            "latency_bucket{r=\"1\",le=\"0.5\"} 2\nlatency_bucket{r=\"1\",le=\"1\"} 3\n"
            "latency_bucket{r=\"1\",le=\"10\"} 4\nlatency_bucket{r=\"1\",le=\"+Inf\"} 5\n"
            "latency_sum{r=\"1\"} 110.3\nlatency_count{r=\"1\"} 5\n");
}

TEST_F(MetricZoneTest, OtherBoundsBeginAnewSeriesBySeries) {
  const double narrow[] = {1};
  const double wide[] = {5};
  MetricWriter before(zone, 0);
  const FamilyId old = *before.add_family({MetricType::kHistogram, "latency", "", narrow});
  before.observe(old, "r=\"1\"", 2);
  before.observe(old, "r=\"2\"", 2);
  MetricWriter after(zone, 1);
  const FamilyId now = *after.add_family({MetricType::kHistogram, "latency", "", wide});
  EXPECT_NE(now, old);
  after.observe(now, "r=\"1\"", 3);
  EXPECT_EQ(text(),
            "# HELP latency \n# TYPE latency histogram\n"
            "latency_bucket{r=\"1\",le=\"5\"} 1\nlatency_bucket{r=\"1\",le=\"+Inf\"} 1\n"
            "latency_sum{r=\"1\"} 3\nlatency_count{r=\"1\"} 1\n"
            "latency_bucket{r=\"2\",le=\"1\"} 0\nlatency_bucket{r=\"2\",le=\"+Inf\"} 1\n"
            "latency_sum{r=\"2\"} 2\nlatency_count{r=\"2\"} 1\n");
  EXPECT_EQ(*MetricWriter(zone, 0).add_family({MetricType::kHistogram, "latency", "", wide}), now);
  EXPECT_FALSE(zone.add_family({MetricType::kCounter, "latency", "", {}}));
}

TEST_F(MetricZoneTest, SlicesMakeTheSameTextAsOneGo) {
  const double narrow[] = {1};
  const double wide[] = {5, 10};
  MetricWriter before(zone, 0);
  const FamilyId requests = *before.add_family(kRequests);
  const FamilyId old = *before.add_family({MetricType::kHistogram, "latency", "", narrow});
  for (int i = 0; i < 100; ++i) {
    before.add(requests, "route=\"" + std::to_string(i) + "\"", i);
    before.observe(old, "r=\"" + std::to_string(i) + "\"", i);
  }
  MetricWriter after(zone, 1);
  const FamilyId now = *after.add_family({MetricType::kHistogram, "latency", "", wide});
  for (int i = 0; i < 10; ++i) after.observe(now, "r=\"" + std::to_string(i) + "\"", i);
  for (const std::size_t series_max : {1U, 7U, 1000U}) {
    MetricText slices(zone);
    std::string out;
    while (slices.append(out, series_max)) {
    }
    EXPECT_EQ(out, text()) << series_max;
  }
}

// Lines of `text` that begin so.
std::size_t count_lines(std::string_view text, const std::string& begin) {
  std::size_t count = text.starts_with(begin) ? 1 : 0;
  for (auto at = text.find("\n" + begin); at != text.npos; at = text.find("\n" + begin, at + 1)) ++count;
  return count;
}

TEST_F(MetricZoneTest, SeriesThatChangeBetweenSlicesAreThereAtMostOnce) {
  MetricWriter writer(zone, 0);
  const FamilyId id = *writer.add_family(kRequests);
  const auto labels = [](int i) { return "route=\"" + std::to_string(i) + "\""; };
  for (int i = 0; i < 200; ++i) writer.add(id, labels(i));
  MetricText slices(zone);
  std::string out;
  int turn = 0;
  while (slices.append(out, 4)) {
    const int at = turn++;
    zone.retire(zone.find_or_add(id, labels(at * 3 % 100)).id, 1000);  // of the first hundred
    zone.sweep(1000 + MetricZone::kReuseAfterMs);                      // its place may be used again
    writer.add(id, labels(1000 + at));
    writer.add(id, labels(at * 3 % 100));  // and it may come back, in another place
  }
  for (int i = 0; i < 100; ++i) EXPECT_LE(count_lines(out, "requests_total{" + labels(i)), 1U) << i;
  for (int i = 100; i < 200; ++i) EXPECT_EQ(count_lines(out, "requests_total{" + labels(i)), 1U) << i;
}

TEST_F(MetricZoneTest, ChangesTellsWhenAHandleMayBeOld) {
  MetricWriter writer(zone, 0);
  const FamilyId id = *writer.add_family(kRequests);
  const auto handle = zone.find_or_add(id, "a");
  const std::uint32_t before = zone.changes();
  zone.find_or_add(id, "b");
  EXPECT_EQ(zone.changes(), before) << "a new series makes no handle old";
  zone.retire(handle.id, 1000);
  EXPECT_NE(zone.changes(), before);
  EXPECT_FALSE(zone.is_current(handle));
  const std::uint32_t retired = zone.changes();
  zone.sweep(1000 + MetricZone::kReuseAfterMs);
  EXPECT_NE(zone.changes(), retired);
}

TEST_F(MetricZoneTest, GaugeIsOneForAll) {
  MetricWriter first(zone, 0);
  MetricWriter second(zone, 1);
  const FamilyId id = *first.add_family({MetricType::kGauge, "up", "", {}});
  ASSERT_TRUE(second.add_family({MetricType::kGauge, "up", "", {}}));
  first.set(id, "", 1);
  second.set(id, "", -2.5);
  EXPECT_EQ(text(), "# HELP up \n# TYPE up gauge\nup -2.5\n");
}

TEST_F(MetricZoneTest, CountsOfTheDeadStay) {
  {
    MetricWriter writer(zone, 0);
    const FamilyId id = *writer.add_family(kRequests);
    writer.add(id, "", 7);
  }
  zone.reclaim(0);
  EXPECT_EQ(zone.read().values, std::vector<double>{7});
  MetricWriter next(zone, 0);
  next.add(*next.add_family(kRequests), "", 1);
  EXPECT_EQ(zone.read().values, std::vector<double>{8}) << "the row was empty again";
}

// A page of the row of the dead cannot be written: the process that adds another to it dies in the middle.
TEST_F(MetricZoneTest, AMasterThatIsKilledWhileItAddsARowLeavesAllCounts) {
  MetricWriter writer(zone, 0);
  const FamilyId id = *writer.add_family(kRequests);
  writer.add(id, "code=\"200\"", 3);
  const MetricZone::Handle handle = zone.find_or_add(id, "code=\"200\"");
  const auto row_bytes = reinterpret_cast<std::uintptr_t>(zone.cells(handle.id, 1)) -
                         reinterpret_cast<std::uintptr_t>(zone.cells(handle.id, 0));
  const auto dead_cell = reinterpret_cast<std::uintptr_t>(zone.cells(handle.id, 0)) - 2 * row_bytes;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    ::mprotect(reinterpret_cast<void*>(dead_cell & ~std::uintptr_t{4095}), 4096, PROT_READ);
    zone.reclaim(0);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status));
  const std::string counted =
      "# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{code=\"200\"} 3\n";
  EXPECT_EQ(text(), counted);
  EXPECT_EQ(text(), counted) << "with one try, as the sequence is known to stay odd";
  zone.reclaim(0);
  EXPECT_EQ(text(), counted);
}

TEST_F(MetricZoneTest, FullZoneCountsIntoTheOverflowSeries) {
  auto small = std::move(*MetricZone::create("test", 1, 1));
  MetricWriter writer(small, 0);
  const FamilyId id = *writer.add_family(kRequests);
  const auto total = static_cast<int>(small.stats().series_max) + 500;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < total; ++i) writer.add(id, "n=\"" + std::to_string(i) + '"');
  }
  const auto snapshot = small.read();
  double sum = 0;
  double overflow = 0;
  for (std::size_t i = 0; i < snapshot.series.size(); ++i) {
    sum += snapshot.values[i];
    if (snapshot.series[i].labels == "overflow=\"true\"") overflow = snapshot.values[i];
  }
  EXPECT_EQ(sum, 2 * total) << "nothing is lost";
  EXPECT_GT(overflow, 900);
  EXPECT_GE(small.stats().overflows, 500u);
  EXPECT_LT(small.stats().overflows, 2u * 501u) << "an overflow is remembered";
}

TEST_F(MetricZoneTest, RetiredSeriesIsGoneAndItsRoomIsUsedAgain) {
  auto small = std::move(*MetricZone::create("test", 1, 1));
  MetricWriter writer(small, 0);
  const FamilyId id = *writer.add_family(kRequests);
  const std::size_t room = small.stats().series_max - 1;
  for (std::size_t i = 0; i < room; ++i) writer.add(id, "n=\"" + std::to_string(1000 + i) + '"');
  EXPECT_EQ(small.stats().overflows, 0u);
  writer.add(id, "n=\"late\"");
  EXPECT_EQ(small.stats().overflows, 1u);

  for (const auto& series : small.read().series) small.retire(series.id, 1000);
  EXPECT_EQ(small.read().series.size(), 1u) << "only the overflow";
  small.sweep(1000 + MetricZone::kReuseAfterMs - 1);
  writer.add(id, "n=\"later\"");
  EXPECT_EQ(small.stats().overflows, 2u) << "their room is not free yet";
  small.sweep(1000 + MetricZone::kReuseAfterMs);
  for (std::size_t i = 0; i < 100; ++i) writer.add(id, "m=\"" + std::to_string(1000 + i) + '"');
  writer.add(id, "n=\"late\"");
  EXPECT_EQ(small.stats().overflows, 2u);
  EXPECT_EQ(small.stats().series, 101u);
  for (const double value : small.read().values) EXPECT_LE(value, 2) << "started at zero";
}

TEST_F(MetricZoneTest, RetiredSeriesComesBackWhenItIsCounted) {
  MetricWriter writer(zone, 0);
  const FamilyId id = *writer.add_family(kRequests);
  writer.add(id, "", 3);
  zone.retire(zone.read().series.at(0).id, 1000);
  EXPECT_TRUE(zone.read().series.empty());
  writer.add(id, "", 1);
  EXPECT_EQ(zone.read().values, std::vector<double>{4});
  zone.sweep(1000 + MetricZone::kReuseAfterMs);
  EXPECT_EQ(zone.read().values, std::vector<double>{4});
}

TEST_F(MetricZoneTest, FamilyKeepsItsType) {
  const double bounds[] = {1};
  ASSERT_TRUE(zone.add_family(kRequests));
  EXPECT_FALSE(zone.add_family({MetricType::kGauge, "requests_total", "", {}}));
  ASSERT_TRUE(zone.add_family({MetricType::kHistogram, "latency", "", bounds}));
  EXPECT_FALSE(zone.add_family({MetricType::kCounter, "latency", "", {}}));
}

TEST_F(MetricZoneTest, WhatDoesNotFitIsIgnored) {
  MetricWriter writer(zone, 1'000'000);
  const auto id = writer.add_family(kRequests);
  writer.add(*id, "");
  EXPECT_TRUE(zone.read().series.empty()) << "no row, no counts";
  MetricWriter other(zone, 0);
  other.add(99, "");
  other.add(*other.add_family(kRequests), std::string(MetricZone::kLabelsBytesMax + 1, 'x'));
  ASSERT_EQ(zone.read().series.size(), 1u);
  EXPECT_EQ(zone.read().series[0].labels, "overflow=\"true\"");
}

TEST_F(MetricZoneTest, LabelsAreEscaped) {
  std::string labels;
  append_label(labels, "a", "plain");
  append_label(labels, "b", "q\"b\\n\n");
  EXPECT_EQ(labels, R"(a="plain",b="q\"b\\n\n")");
}

// One client's byte must not cost the whole scrape.
TEST_F(MetricZoneTest, LabelsAreUtf8) {
  std::string labels;
  append_label(labels, "a", "\xFFx\"\xC3\xA4\xC3");
  EXPECT_EQ(labels, "a=\"\xEF\xBF\xBDx\\\"\xC3\xA4\xEF\xBF\xBD\"");
}

TEST_F(MetricZoneTest, AnotherBinaryOpensIt) {
  MetricWriter writer(zone, 0);
  writer.add(*writer.add_family(kRequests), "", 3);
  auto again = MetricZone::open(std::move(*Zone::open("test", base::UniqueFd(::dup(zone.zone().fd())))));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->read().values, std::vector<double>{3});
}

TEST_F(MetricZoneTest, ThreadsCountWhileOneReads) {
  std::vector<std::thread> threads;
  const FamilyId id = *zone.add_family(kRequests);
  for (std::size_t t = 0; t < 3; ++t) {
    threads.emplace_back([this, t] {
      MetricWriter writer(zone, t);
      const FamilyId mine = *writer.add_family(kRequests);
      for (int i = 0; i < 20'000; ++i) writer.add(mine, "n=\"" + std::to_string(i % 300) + '"');
    });
  }
  for (int i = 0; i < 50; ++i) zone.read();
  for (auto& thread : threads) thread.join();
  double sum = 0;
  for (const double value : zone.read().values) sum += value;
  EXPECT_EQ(sum, 60'000);
  EXPECT_EQ(zone.read().series.size(), 300u);
  EXPECT_EQ(id, 0);
}

}  // namespace
}  // namespace apisix::memory
