#include "shared/memory/traffic.h"

#include <algorithm>
#include <string>

#include "shared/base/log.h"

namespace apisix::memory {
namespace {

constexpr std::string_view kFamilyNames[] = {"route", "upstream"};
constexpr std::string_view kOverflowLabels = "overflow=\"true\"";

// A histogram with one bound for each cell but the last two, that a MetricZone makes room for by itself.
constexpr auto kBounds = [] {
  std::array<double, TrafficCells::kCount - 2> bounds{};
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(i);
  return bounds;
}();
static_assert(kBounds.size() <= MetricZone::kBoundsMax);

MetricFamily family_of(TrafficKind kind) {
  return {.type = MetricType::kHistogram,
          .name = kFamilyNames[static_cast<std::size_t>(kind)],
          .help = "",
          .bounds = kBounds};
}

}  // namespace

TrafficMeter::TrafficMeter(MetricZone& zone, std::size_t owner)
    : zone_(zone), owner_(owner), can_count_(zone.enroll(owner)) {
  for (const TrafficKind kind : {TrafficKind::kRoute, TrafficKind::kUpstream}) {
    const auto id = zone_.add_family(family_of(kind));
    can_count_ &= id.has_value();
    if (id) families_[static_cast<std::size_t>(kind)] = *id;
  }
  if (!can_count_) base::log_warn("this worker cannot count for `apisix top`: too many processes live");
}

void TrafficMeter::count_in_new(TrafficKind kind, std::string_view name, TrafficPlace& place, unsigned status,
                                std::uint64_t latency_us) {
  if (!can_count_) return;
  place.handle = zone_.find_or_add(families_[static_cast<std::size_t>(kind)], name);
  place.cells = zone_.cells(place.handle.id, owner_);
  add(place.cells, status, latency_us);
}

std::vector<TrafficSeries> read_traffic(const MetricZone& zone) {
  const MetricZone::Snapshot snapshot = zone.read();
  std::vector<TrafficSeries> out;
  const double* values = snapshot.values.data();
  for (const MetricZone::Series& series : snapshot.series) {
    const MetricFamily family = zone.family(series.family);
    const std::size_t count = MetricZone::cell_count(family);
    if (count == TrafficCells::kCount) {
      TrafficSeries& one = out.emplace_back();
      one.kind = family.name == kFamilyNames[0] ? TrafficKind::kRoute : TrafficKind::kUpstream;
      one.name = series.labels;
      one.is_overflow = series.labels == kOverflowLabels;
      std::copy_n(values, count, one.cells.begin());
    }
    values += count;
  }
  return out;
}

}  // namespace apisix::memory
