// MetricZone: the counters, gauges and histograms of all processes, for a reader that adds them up. Writing
// is plain additions into cells that only the writer's process touches; nothing is contended but the making
// of a new series.
//
//   families   what a metric is: name, type, help, bounds; registered by each process at its start
//   series     family + labels -> its cells; a bounded directory under one robust lock, looked at once per
//              process and series; a family that finds it full counts into its series {overflow="true"}
//   rows       one array of cells per process, and two more: what dead processes left, and gauges, which
//              all processes set. Pages that a process does not use do not exist.
//
// A series that is retired keeps its cells for kReuseAfterMs, so that writers notice (changes()) before
// they are used again. The last store of everything is the one that makes it visible: a killed writer
// leaves at most unused cells.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/memory/robust_lock.h"
#include "shared/memory/shared_index.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

enum class MetricType : std::uint8_t { kCounter = 1, kGauge, kHistogram };

struct MetricFamily {
  MetricType type = MetricType::kCounter;
  std::string_view name;
  std::string_view help;
  std::span<const double> bounds;  // of a histogram, ascending, without +Inf
};

using FamilyId = std::uint16_t;
using SeriesId = std::uint32_t;

// A double that one process writes and others read.
class MetricCell {
 public:
  double get() const;
  // By the only writer.
  void add(double by);
  void set(double value);
  // By one of several.
  void add_shared(double by);

 private:
  std::atomic<std::uint64_t> bits_;
};

class MetricZone {
 public:
  static constexpr std::size_t kFamiliesMax = 256;
  static constexpr std::size_t kBoundsMax = 48;
  static constexpr std::size_t kLabelsBytesMax = 4096;
  static constexpr std::uint64_t kReuseAfterMs = 60'000;

  // `bytes` bounds the directory and the cells that `writers` processes use together; twice as many may live
  // during a reload.
  static base::Result<MetricZone> create(const std::string& name, std::size_t bytes, std::size_t writers);
  static base::Result<MetricZone> open(Zone zone);

  // The id of the family of this name; made when there is none. An Error when it exists with another type or
  // other bounds, or the table of families is full.
  base::Result<FamilyId> add_family(const MetricFamily& family);
  std::size_t family_count() const;
  MetricFamily family(FamilyId id) const;

  // What a writer keeps of a series: cheap to check, expensive to find.
  struct Handle {
    SeriesId id = 0;
    std::uint32_t stamp = 0;
    bool is_overflow = false;
  };
  // `labels`: `code="200",route="1"` as it is exported. Makes the series if it is not there; when there is no
  // room, that is the family's overflow series.
  Handle find_or_add(FamilyId family, std::string_view labels);
  // False once the series was retired, or there is room again for one that overflowed: find it again.
  bool is_current(const Handle& handle) const;
  // While this is what it was, every handle that was current then still is: one look instead of one for each
  // handle. Read it before the handles are looked at.
  std::uint32_t changes() const;

  // Once per process, before cells(). False: too many processes, this one cannot count.
  bool enroll(std::size_t owner);
  // The cells of a series in the row of a process: one, or for a histogram one per bound, one above all
  // bounds, and the sum.
  MetricCell* cells(SeriesId id, std::size_t owner) const;
  // Those of a gauge, which all processes share.
  MetricCell* shared_cells(SeriesId id) const;

  struct Series {
    SeriesId id = 0;
    FamilyId family = 0;
    std::string_view labels;  // in the zone; stays for kReuseAfterMs after the series is retired
  };
  // A series as it was listed; it is another one when `hash` is.
  struct Listed {
    std::uint64_t hash = 0;
    SeriesId id = 0;
    FamilyId family = 0;
  };
  // Appends what is exported of the series from `from` on, at most `count` ids. Returns where to go on;
  // nothing: that was all.
  std::optional<SeriesId> list(SeriesId from, std::size_t count, std::vector<Listed>& out) const;
  // Series, and the sums of their cells over all processes: `values` holds cell_count(family) each.
  struct Snapshot {
    std::vector<Series> series;
    std::vector<double> values;
  };
  // Of the listed ones those that are still exported, added up as at one moment.
  void read(std::span<const Listed> listed, Snapshot& out) const;
  // All live series.
  Snapshot read() const;
  static std::size_t cell_count(const MetricFamily& family) {
    return family.type == MetricType::kHistogram ? family.bounds.size() + 2 : 1;
  }

  // Agent only: the series is not exported any more. It comes back when it is counted again.
  void retire(SeriesId id, std::uint64_t now_ms);
  // Agent only, now and then: makes what was retired long ago usable again.
  void sweep(std::uint64_t now_ms);
  // Master only, once `owner` is dead: its counts stay, its row is empty.
  void reclaim(std::size_t owner);

  struct Stats {
    std::size_t series = 0;  // live ones
    std::size_t series_max = 0;
    std::uint64_t overflows = 0;  // series that were not made
  };
  Stats stats() const;
  std::size_t series_max() const;
  const Zone& zone() const { return zone_; }

 private:
  struct Layout;
  struct FamilyEntry;
  struct SeriesEntry;
  enum class SeriesState : std::uint8_t { kFree, kLive, kRetired, kOverflow };
  struct Need {
    std::size_t cells = 0;
    std::size_t label_bytes = 0;
  };

  explicit MetricZone(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }
  FamilyEntry& family_entry(FamilyId id) const;
  SeriesEntry& series_entry(SeriesId id) const;
  SharedIndex index() const;
  std::size_t row_offset(std::size_t row) const;
  MetricCell* row(std::size_t row) const;
  std::string_view labels_of(const SeriesEntry& entry) const;

  void lock_directory();
  void rebuild_index();
  std::uint64_t hash_of(FamilyId family, std::string_view labels) const;
  std::optional<SeriesId> find(FamilyId family, std::string_view labels, std::uint64_t hash) const;
  std::optional<SeriesId> add(FamilyId family, std::string_view labels, std::uint64_t hash,
                              SeriesState state);
  std::optional<SeriesId> take_new(const Need& need);
  std::optional<SeriesId> take_free(const Need& need);
  bool sweep_one(SeriesId id, std::uint64_t now_ms);
  std::vector<std::size_t> active_rows() const;
  void read_once(std::span<const Listed> listed, Snapshot& out) const;

  Zone zone_;
  mutable std::uint32_t abandoned_sequence_ = 0;  // odd: no try helped while it was this; 0: none
};

}  // namespace apisix::memory
