// What each process writes for itself shares no cache line with what another one writes: a line that two
// cores write costs each of them a transfer per request.
#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include <gtest/gtest.h>

#include "shared/memory/metric_zone.h"
#include "shared/memory/robust_lock.h"
#include "shared/memory/status_zone.h"
#include "shared/memory/traffic.h"

namespace apisix::memory {
namespace {

constexpr std::uintptr_t kLineBytes = 64;

std::set<std::uintptr_t> lines_of(const void* begin, std::size_t bytes) {
  std::set<std::uintptr_t> lines;
  const auto at = reinterpret_cast<std::uintptr_t>(begin);
  for (std::uintptr_t line = at / kLineBytes; line <= (at + bytes - 1) / kLineBytes; ++line)
    lines.insert(line);
  return lines;
}

bool are_apart(const std::set<std::uintptr_t>& some, const std::set<std::uintptr_t>& others) {
  return std::ranges::none_of(some, [&](std::uintptr_t line) { return others.contains(line); });
}

// The neighbouring lines too: processors fetch lines in pairs.
static_assert(alignof(StatusSlot) == 2 * kLineBytes);
static_assert(alignof(RobustLock) == kLineBytes && sizeof(RobustLock) == kLineBytes);

TEST(OwnLines, StatusSlots) {
  auto zone = std::move(*StatusZone::create());
  const StatusSlot* first = zone.claim(ChildRole::kWorker, 0, 1);
  const StatusSlot* second = zone.claim(ChildRole::kWorker, 1, 1);
  EXPECT_TRUE(are_apart(lines_of(first, sizeof *first), lines_of(second, sizeof *second)));
}

TEST(OwnLines, CellsOfMetrics) {
  auto zone = std::move(*MetricZone::create("own-lines", 1 << 20, 2));
  const FamilyId family = *zone.add_family({MetricType::kCounter, "requests", "", {}});
  ASSERT_TRUE(zone.enroll(0) && zone.enroll(1));
  // Of a series, and of its neighbour: the last of one process and the first of the next.
  for (const char* labels : {R"(code="200")", R"(code="404")"}) {
    const SeriesId id = zone.find_or_add(family, labels).id;
    EXPECT_TRUE(are_apart(lines_of(zone.cells(id, 0), sizeof(MetricCell)),
                          lines_of(zone.cells(id, 1), sizeof(MetricCell))));
  }
}

TEST(OwnLines, CellsOfTraffic) {
  auto zone = std::move(*MetricZone::create(kTrafficZone, 1 << 20, 2));
  TrafficMeter first(zone, 0);
  TrafficMeter second(zone, 1);
  TrafficPlace of_first;
  TrafficPlace of_second;
  first.count(TrafficKind::kRoute, "1", of_first, 200, 100);
  second.count(TrafficKind::kRoute, "1", of_second, 200, 100);
  ASSERT_EQ(of_first.handle.id, of_second.handle.id);
  constexpr std::size_t kBytes = TrafficCells::kCount * sizeof(MetricCell);
  EXPECT_TRUE(are_apart(lines_of(of_first.cells, kBytes), lines_of(of_second.cells, kBytes)));
}

}  // namespace
}  // namespace apisix::memory
