// What a MetricZone's memory looks like. Private to metric_*.cc.
#pragma once

#include "shared/base/sip_hash.h"
#include "shared/memory/metric_zone.h"

namespace apisix::memory {

inline constexpr std::size_t kMetricPageBytes = 4096;
inline constexpr std::uint32_t kMetricKind = 5;
inline constexpr std::uint32_t kMetricLayoutVersion = 2;
// Rows that no process owns.
inline constexpr std::size_t kDeadRow = 0;
inline constexpr std::size_t kSharedRow = 1;
inline constexpr std::size_t kFirstOwnerRow = 2;

struct MetricZone::FamilyEntry {
  std::atomic<bool> is_made;
  MetricType type;
  std::uint16_t bound_count;
  std::uint16_t name_bytes;
  std::uint16_t help_bytes;
  SeriesId overflow;
  char name[128];
  char help[512];
  double bounds[kBoundsMax];
};

struct MetricZone::SeriesEntry {
  // A count of the series' lives above, the SeriesState in the lowest byte.
  std::atomic<std::uint32_t> stamp;
  FamilyId family;
  std::uint16_t cells;
  std::uint32_t first_cell;
  std::uint32_t label_bytes;
  std::uint32_t label_room;
  std::uint64_t labels_at;  // offset in the text part
  std::uint64_t hash;
  std::uint64_t retired_at_ms;

  SeriesState state() const { return static_cast<SeriesState>(stamp.load(std::memory_order_acquire) & 0xff); }
  bool is_exported() const { return state() == SeriesState::kLive || state() == SeriesState::kOverflow; }
  void enter(SeriesState next) {
    const std::uint32_t life = (stamp.load(std::memory_order_relaxed) >> 8) + 1;
    stamp.store(life << 8 | static_cast<std::uint32_t>(next), std::memory_order_release);
  }
};

struct MetricZone::Layout {
  ZoneHeader zone;
  std::uint64_t rows;
  std::uint64_t series_max;
  std::uint64_t cells_max;  // of one row
  std::uint64_t text_max;
  std::uint64_t index_size;  // a power of two
  std::uint64_t families_at, series_at, index_at, text_at, rows_at;
  base::SipKey key;
  std::atomic<std::uint32_t> families;
  std::atomic<std::uint32_t> series;  // entries that were ever used
  std::atomic<std::uint64_t> cells_used;
  std::atomic<std::uint64_t> text_used;
  std::atomic<std::uint32_t> free_series;  // that may be used again
  std::atomic<std::uint32_t> next_free;    // where to look for one
  std::atomic<std::uint32_t> tombstones;   // in the index
  // Read with each count, apart from what is written whenever a series is made: lines of their own.
  alignas(64) std::atomic<std::uint32_t> room_epoch;  // changes when there may be room again
  std::atomic<std::uint32_t> changes;                 // whenever some handle may not be current any more
  alignas(64) std::atomic<std::uint32_t> sequence;    // odd while a row is added to another
  std::atomic<std::uint64_t> overflows;
  RobustLock directory;
  std::atomic<std::uint8_t> is_active[2048];  // by row
};

}  // namespace apisix::memory
