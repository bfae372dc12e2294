#include "shared/memory/metric_zone.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "shared/memory/metric_layout.h"

namespace apisix::memory {
namespace {

// Of what a series costs on average; what is left of its half of the zone are labels.
constexpr std::size_t kLabelsBytesTypical = 168;
constexpr std::size_t kCellsPerSeriesMax = 4;  // on average: most series are counters
constexpr std::size_t kRowsMin = 64;

std::size_t pages(std::size_t bytes) {
  return (bytes + kMetricPageBytes - 1) / kMetricPageBytes * kMetricPageBytes;
}

double as_double(std::uint64_t bits) {
  return std::bit_cast<double>(bits);
}

}  // namespace

double MetricCell::get() const {
  return as_double(bits_.load(std::memory_order_relaxed));
}

void MetricCell::add(double by) {
  set(get() + by);
}

void MetricCell::set(double value) {
  bits_.store(std::bit_cast<std::uint64_t>(value), std::memory_order_relaxed);
}

void MetricCell::add_shared(double by) {
  std::uint64_t before = bits_.load(std::memory_order_relaxed);
  while (!bits_.compare_exchange_weak(before, std::bit_cast<std::uint64_t>(as_double(before) + by),
                                      std::memory_order_relaxed)) {
  }
}

base::Result<MetricZone> MetricZone::create(const std::string& name, std::size_t bytes, std::size_t writers) {
  Layout plan{};
  const std::size_t half = std::max<std::size_t>(bytes, 256 * 1024) / 2;
  const std::size_t per_series = sizeof(SeriesEntry) + 2 * sizeof(std::uint32_t) + kLabelsBytesTypical;
  plan.series_max = std::min<std::size_t>(half / per_series, std::numeric_limits<std::uint32_t>::max() / 4);
  plan.series_max = std::max<std::size_t>(plan.series_max, kFamiliesMax + 1);
  plan.text_max = plan.series_max * kLabelsBytesTypical;
  plan.index_size = SharedIndex::words_for(plan.series_max);
  plan.cells_max = std::clamp(half / sizeof(MetricCell) / (writers + 2), kFamiliesMax * (kBoundsMax + 2),
                              std::max<std::size_t>(plan.series_max * kCellsPerSeriesMax, 32 * 1024));
  plan.rows = kFirstOwnerRow + std::clamp<std::size_t>(4 * writers, kRowsMin, 1024);
  plan.families_at = pages(sizeof(Layout));
  plan.series_at = plan.families_at + pages(kFamiliesMax * sizeof(FamilyEntry));
  plan.index_at = plan.series_at + pages(plan.series_max * sizeof(SeriesEntry));
  plan.text_at = plan.index_at + pages(plan.index_size * sizeof(std::uint32_t));
  plan.rows_at = plan.text_at + pages(plan.text_max);
  auto made = Zone::create(name, plan.rows_at + plan.rows * pages(plan.cells_max * sizeof(MetricCell)));
  if (!made) return std::unexpected(made.error());
  MetricZone zone(std::move(*made));
  Layout& layout = zone.layout();
  layout.rows = plan.rows;
  layout.series_max = plan.series_max;
  layout.cells_max = plan.cells_max;
  layout.text_max = plan.text_max;
  layout.index_size = plan.index_size;
  layout.families_at = plan.families_at;
  layout.series_at = plan.series_at;
  layout.index_at = plan.index_at;
  layout.text_at = plan.text_at;
  layout.rows_at = plan.rows_at;
  layout.key = base::SipKey::random();
  layout.directory.init();
  layout.is_active[kDeadRow] = 1;
  layout.is_active[kSharedRow] = 1;
  zone.zone_.seal(ZoneHeader::fingerprint(kMetricKind, kMetricLayoutVersion, sizeof(Layout)));
  return zone;
}

base::Result<MetricZone> MetricZone::open(Zone zone) {
  const auto wanted = ZoneHeader::fingerprint(kMetricKind, kMetricLayoutVersion, sizeof(Layout));
  if (auto checked = zone.check(wanted); !checked) return std::unexpected(checked.error());
  return MetricZone(std::move(zone));
}

MetricZone::FamilyEntry& MetricZone::family_entry(FamilyId id) const {
  return reinterpret_cast<FamilyEntry*>(zone_.at(layout().families_at))[id];
}

MetricZone::SeriesEntry& MetricZone::series_entry(SeriesId id) const {
  return reinterpret_cast<SeriesEntry*>(zone_.at(layout().series_at))[id];
}

SharedIndex MetricZone::index() const {
  auto* words = reinterpret_cast<std::atomic<std::uint32_t>*>(zone_.at(layout().index_at));
  return {words, layout().index_size, layout().tombstones};
}

std::size_t MetricZone::row_offset(std::size_t row) const {
  return layout().rows_at + row * pages(layout().cells_max * sizeof(MetricCell));
}

MetricCell* MetricZone::row(std::size_t row) const {
  return reinterpret_cast<MetricCell*>(zone_.at(row_offset(row)));
}

std::string_view MetricZone::labels_of(const SeriesEntry& entry) const {
  return {reinterpret_cast<const char*>(zone_.at(layout().text_at + entry.labels_at)), entry.label_bytes};
}

bool MetricZone::enroll(std::size_t owner) {
  if (owner + kFirstOwnerRow >= layout().rows) return false;
  layout().is_active[owner + kFirstOwnerRow].store(1);
  return true;
}

MetricCell* MetricZone::cells(SeriesId id, std::size_t owner) const {
  return row(owner + kFirstOwnerRow) + series_entry(id).first_cell;
}

MetricCell* MetricZone::shared_cells(SeriesId id) const {
  return row(kSharedRow) + series_entry(id).first_cell;
}

std::size_t MetricZone::family_count() const {
  return layout().families.load(std::memory_order_acquire);
}

MetricFamily MetricZone::family(FamilyId id) const {
  const FamilyEntry& entry = family_entry(id);
  return {.type = entry.type,
          .name = {entry.name, entry.name_bytes},
          .help = {entry.help, entry.help_bytes},
          .bounds = {entry.bounds, entry.bound_count}};
}

std::size_t MetricZone::series_max() const {
  return layout().series_max;
}

MetricZone::Stats MetricZone::stats() const {
  Stats stats{.series = 0,
              .series_max = layout().series_max,
              .overflows = layout().overflows.load(std::memory_order_relaxed)};
  const std::uint32_t used = layout().series.load(std::memory_order_acquire);
  for (SeriesId id = 0; id < used; ++id) stats.series += series_entry(id).state() == SeriesState::kLive;
  return stats;
}

std::optional<SeriesId> MetricZone::list(SeriesId from, std::size_t count, std::vector<Listed>& out) const {
  const std::uint32_t used = layout().series.load(std::memory_order_acquire);
  const auto end = static_cast<SeriesId>(std::min<std::size_t>(used, from + count));
  for (SeriesId id = from; id < end; ++id) {
    const SeriesEntry& entry = series_entry(id);
    if (entry.is_exported()) out.push_back({.hash = entry.hash, .id = id, .family = entry.family});
  }
  return end < used ? std::optional(end) : std::nullopt;
}

std::vector<std::size_t> MetricZone::active_rows() const {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < layout().rows; ++row) {
    if (layout().is_active[row].load() != 0) rows.push_back(row);
  }
  return rows;
}

// The families' overflow series are shown only when they hold something.
void MetricZone::read_once(std::span<const Listed> listed, Snapshot& out) const {
  out.series.clear();
  out.values.clear();
  const std::vector<std::size_t> rows = active_rows();
  for (const Listed& each : listed) {
    const SeriesEntry& entry = series_entry(each.id);
    if (!entry.is_exported() || entry.hash != each.hash || entry.family != each.family) continue;
    const std::size_t at = out.values.size();
    out.values.resize(at + entry.cells);
    for (const std::size_t row_at : rows) {
      const MetricCell* cells = row(row_at) + entry.first_cell;
      for (std::size_t i = 0; i < entry.cells; ++i) out.values[at + i] += cells[i].get();
    }
    const bool is_silent = entry.state() == SeriesState::kOverflow &&
                           std::all_of(out.values.begin() + static_cast<std::ptrdiff_t>(at), out.values.end(),
                                       [](double value) { return value == 0; });
    if (is_silent) {
      out.values.resize(at);
    } else {
      out.series.push_back({.id = each.id, .family = entry.family, .labels = labels_of(entry)});
    }
  }
}

void MetricZone::read(std::span<const Listed> listed, Snapshot& out) const {
  // Bounded: a master that was killed in reclaim() leaves the sequence odd for ever. Once that is known, the
  // first read is as good as the last.
  std::uint32_t before = 0;
  for (int i = 0; i < 20; ++i) {
    before = layout().sequence.load();
    read_once(listed, out);
    if (before % 2 != 0 ? before == abandoned_sequence_ : layout().sequence.load() == before) return;
  }
  if (before % 2 != 0) abandoned_sequence_ = before;
}

MetricZone::Snapshot MetricZone::read() const {
  std::vector<Listed> all;
  list(0, layout().series_max, all);
  Snapshot out;
  out.series.reserve(all.size());
  out.values.reserve(all.size());
  read(all, out);
  return out;
}

void MetricZone::reclaim(std::size_t owner) {
  const std::size_t mine = owner + kFirstOwnerRow;
  if (mine >= layout().rows || layout().is_active[mine].load() == 0) return;
  const std::size_t begin = row_offset(mine);
  const std::size_t end = row_offset(mine + 1);
  layout().sequence.fetch_add(1);
  for (std::size_t page = zone_.find_touched(begin, end); page < end;
       page = zone_.find_touched(page + kMetricPageBytes, end)) {
    const std::size_t first = (page - begin) / sizeof(MetricCell);
    for (std::size_t i = first; i < first + kMetricPageBytes / sizeof(MetricCell); ++i) {
      if (const double value = row(mine)[i].get(); value != 0) row(kDeadRow)[i].add_shared(value);
    }
  }
  zone_.forget(begin, end - begin);
  layout().is_active[mine].store(0);
  layout().sequence.fetch_add(1);
}

}  // namespace apisix::memory
