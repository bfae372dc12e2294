// WindowTable: counters of a sliding window, one per key for all workers: the requests of the running window
// and of the one before, which counts for the part of it that the sliding window still covers. Windows start
// at multiples of their length since the epoch, as in APISIX.
#pragma once

#include <string>
#include <string_view>

#include "shared/memory/slot_table.h"

namespace apisix::memory {

class WindowTable {
 public:
  struct Count {
    bool is_granted = false;
    std::int64_t current = 0;   // of the running window, this request included when it is granted
    std::int64_t previous = 0;  // of the whole window before
    std::uint64_t left_ms = 0;  // of the running window

    // What the sliding window holds.
    double estimate(std::uint64_t window_ms) const {
      return static_cast<double>(current) +
             static_cast<double>(previous) * static_cast<double>(left_ms) / static_cast<double>(window_ms);
    }
  };

  static base::Result<WindowTable> create(const std::string& name, std::size_t bytes);
  static base::Result<WindowTable> open(Zone zone);

  // Counts `cost` unless the estimate without it has reached `limit`; of the window before, what was above
  // the limit does not count. That is APISIX's rule. `now_ms`: the wall clock.
  Count take(std::string_view key, std::int64_t cost, std::int64_t limit, std::uint64_t window_ms,
             std::uint64_t now_ms);
  // Counts whatever the limit is: what happened elsewhere already.
  Count add(std::string_view key, std::int64_t cost, std::uint64_t window_ms, std::uint64_t now_ms);
  // Only looks.
  Count get(std::string_view key, std::uint64_t window_ms, std::uint64_t now_ms);
  void flush() { table_.clear(); }

  TableStats stats() const { return table_.stats(); }
  const Zone& zone() const { return table_.zone(); }

 private:
  struct Windows {
    std::uint64_t index;  // of the running window
    std::int64_t current;
    std::int64_t previous;
  };
  using Table = SlotTable<Windows>;

  explicit WindowTable(Table table) : table_(std::move(table)) {}
  static Windows shifted(const Table::Cell& cell, std::uint64_t index);
  static Count counted(const Windows& windows, std::uint64_t window_ms, std::uint64_t now_ms);
  static void write(Table::Cell& cell, const Windows& windows, std::uint64_t window_ms);

  Table table_;
};

}  // namespace apisix::memory
