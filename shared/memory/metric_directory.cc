// The half of MetricZone that finds, makes and retires series. All of it runs under the directory's lock.
#include <algorithm>
#include <cstring>

#include "shared/memory/metric_layout.h"

namespace apisix::memory {
namespace {

constexpr std::string_view kOverflowLabels = "overflow=\"true\"";
// How many retired series are looked at for one that fits.
constexpr std::uint32_t kFreeTriesMax = 4096;

bool same(const MetricFamily& a, const MetricFamily& b) {
  return a.type == b.type && std::ranges::equal(a.bounds, b.bounds);
}

}  // namespace

// Whatever an owner was doing when it died, the entries are right and the index follows from them.
void MetricZone::lock_directory() {
  layout().directory.lock(0, [this](std::uint64_t) { rebuild_index(); });
}

void MetricZone::rebuild_index() {
  index().clear();
  std::uint32_t free_series = 0;
  for (SeriesId id = 0; id < layout().series.load(); ++id) {
    const SeriesEntry& entry = series_entry(id);
    if (entry.state() == SeriesState::kFree) {
      ++free_series;
    } else {
      index().put(id, entry.hash);
    }
  }
  layout().free_series = free_series;
}

base::Result<FamilyId> MetricZone::add_family(const MetricFamily& family) {
  const std::string name(family.name);
  lock_directory();
  const LockHolder holder(layout().directory);
  const std::uint32_t count = layout().families.load();
  // The latest of that name. Other buckets, that were configured anew, are a family of their own.
  for (std::uint32_t id = count; id-- > 0;) {
    const MetricFamily known = this->family(static_cast<FamilyId>(id));
    if (known.name != family.name) continue;
    if (same(known, family)) return static_cast<FamilyId>(id);
    if (known.type == family.type) break;
    return base::invalid("metric " + name + " is already there with another type");
  }
  if (count == kFamiliesMax || family.bounds.size() > kBoundsMax ||
      family.name.size() > sizeof(FamilyEntry::name)) {
    return base::invalid("metric " + name +
                         ": there are too many, or its name or list of buckets is too long");
  }
  FamilyEntry& entry = family_entry(static_cast<FamilyId>(count));
  entry.type = family.type;
  entry.name_bytes = static_cast<std::uint16_t>(family.name.copy(entry.name, sizeof entry.name));
  entry.help_bytes = static_cast<std::uint16_t>(family.help.copy(entry.help, sizeof entry.help));
  entry.bound_count = static_cast<std::uint16_t>(family.bounds.size());
  std::ranges::copy(family.bounds, entry.bounds);
  const auto id = static_cast<FamilyId>(count);
  const auto overflow = add(id, kOverflowLabels, hash_of(id, kOverflowLabels), SeriesState::kOverflow);
  if (!overflow) return base::invalid("metric " + name + ": the zone of metrics is full");
  entry.overflow = *overflow;
  layout().families.store(count + 1, std::memory_order_release);
  return id;
}

std::uint64_t MetricZone::hash_of(FamilyId family, std::string_view labels) const {
  return base::sip_hash_13(labels, {layout().key.k0 ^ family, layout().key.k1}).low;
}

std::optional<SeriesId> MetricZone::find(FamilyId family, std::string_view labels, std::uint64_t hash) const {
  return index().find(hash, [&](SeriesId id) {
    const SeriesEntry& entry = series_entry(id);
    return entry.hash == hash && entry.family == family && labels_of(entry) == labels;
  });
}

MetricZone::Handle MetricZone::find_or_add(FamilyId family, std::string_view labels) {
  const std::uint64_t hash = hash_of(family, labels);
  lock_directory();
  const LockHolder holder(layout().directory);
  auto id = find(family, labels, hash);
  if (id && series_entry(*id).state() == SeriesState::kRetired) series_entry(*id).enter(SeriesState::kLive);
  if (!id) id = add(family, labels, hash, SeriesState::kLive);
  if (id) return {.id = *id, .stamp = series_entry(*id).stamp.load(std::memory_order_relaxed)};
  layout().overflows.fetch_add(1, std::memory_order_relaxed);
  return {.id = family_entry(family).overflow, .stamp = layout().room_epoch.load(), .is_overflow = true};
}

bool MetricZone::is_current(const Handle& handle) const {
  const auto& word = handle.is_overflow ? layout().room_epoch : series_entry(handle.id).stamp;
  return word.load(std::memory_order_relaxed) == handle.stamp;
}

std::uint32_t MetricZone::changes() const {
  return layout().changes.load(std::memory_order_acquire);
}

// The entry is complete before it is in the index, and in the index before it is exported.
std::optional<SeriesId> MetricZone::add(FamilyId family, std::string_view labels, std::uint64_t hash,
                                        SeriesState state) {
  const FamilyEntry& kind = family_entry(family);
  const std::size_t cells = kind.type == MetricType::kHistogram ? kind.bound_count + 2U : 1U;
  if (labels.size() > kLabelsBytesMax) return std::nullopt;
  auto id = take_new({cells, labels.size()});
  if (!id) id = take_free({cells, labels.size()});
  if (!id) return std::nullopt;
  SeriesEntry& entry = series_entry(*id);
  entry.family = family;
  entry.hash = hash;
  entry.label_bytes = static_cast<std::uint32_t>(labels.size());
  labels.copy(reinterpret_cast<char*>(zone_.at(layout().text_at + entry.labels_at)), labels.size());
  entry.enter(state);
  index().put(*id, hash);
  return id;
}

// What is taken is counted first: who dies in between has wasted it.
std::optional<SeriesId> MetricZone::take_new(const Need& need) {
  Layout& all = layout();
  const std::uint32_t id = all.series.load();
  const std::uint64_t cell = all.cells_used.load();
  const std::uint64_t text = all.text_used.load();
  if (id >= all.series_max || cell + need.cells > all.cells_max || text + need.label_bytes > all.text_max) {
    return std::nullopt;
  }
  SeriesEntry& entry = series_entry(id);
  entry.first_cell = static_cast<std::uint32_t>(cell);
  entry.cells = static_cast<std::uint16_t>(need.cells);
  entry.labels_at = text;
  entry.label_room = static_cast<std::uint32_t>(need.label_bytes);
  all.cells_used.store(cell + need.cells);
  all.text_used.store(text + need.label_bytes);
  all.series.store(id + 1);
  return id;
}

std::optional<SeriesId> MetricZone::take_free(const Need& need) {
  Layout& all = layout();
  const std::uint32_t used = all.series.load();
  if (all.free_series.load() == 0 || used == 0) return std::nullopt;
  SeriesId id = all.next_free.load() % used;
  for (std::uint32_t tries = 0; tries < std::min(kFreeTriesMax, used); ++tries, id = (id + 1) % used) {
    const SeriesEntry& entry = series_entry(id);
    if (entry.state() != SeriesState::kFree || entry.cells != need.cells) continue;
    if (entry.label_room < need.label_bytes) continue;
    all.next_free.store((id + 1) % used);
    all.free_series.fetch_sub(1);
    return id;
  }
  all.next_free.store(id);
  return std::nullopt;
}

void MetricZone::retire(SeriesId id, std::uint64_t now_ms) {
  lock_directory();
  const LockHolder holder(layout().directory);
  SeriesEntry& entry = series_entry(id);
  if (id >= layout().series.load() || entry.state() != SeriesState::kLive) return;
  entry.retired_at_ms = now_ms;
  // On both sides: behind it for a writer that looked at the stamp just before, and in front for an agent
  // that is killed in between: no series is retired while `changes` says that all handles are current.
  layout().changes.fetch_add(1);
  entry.enter(SeriesState::kRetired);
  layout().changes.fetch_add(1);
}

bool MetricZone::sweep_one(SeriesId id, std::uint64_t now_ms) {
  SeriesEntry& entry = series_entry(id);
  if (entry.state() != SeriesState::kRetired || entry.retired_at_ms + kReuseAfterMs > now_ms) return false;
  layout().changes.fetch_add(1);  // again: an agent that was killed in retire() may not have got that far
  for (std::size_t each = 0; each < layout().rows; ++each) {
    if (layout().is_active[each].load() == 0) continue;
    for (std::size_t i = 0; i < entry.cells; ++i) row(each)[entry.first_cell + i].set(0);
  }
  index().remove(id, entry.hash);
  entry.enter(SeriesState::kFree);
  layout().free_series.fetch_add(1);
  return true;
}

// One series per lock: no writer waits long for it.
void MetricZone::sweep(std::uint64_t now_ms) {
  bool any = false;
  for (SeriesId id = 0; id < layout().series.load(); ++id) {
    if (series_entry(id).state() != SeriesState::kRetired) continue;
    lock_directory();
    const LockHolder holder(layout().directory);
    any |= sweep_one(id, now_ms);
  }
  if (!any) return;
  layout().room_epoch.fetch_add(1);
  layout().changes.fetch_add(1);
  if (!index().is_worn()) return;
  lock_directory();
  const LockHolder holder(layout().directory);
  rebuild_index();
}

}  // namespace apisix::memory
