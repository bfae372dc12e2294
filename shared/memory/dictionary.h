// Dictionary: string -> 64-bit number with an optional time to live, shared by all workers; what
// ngx.shared.DICT is for counters. Every operation is one atomic step: `limit` increments by N processes are
// exactly `limit`. A full bucket loses its least recently used key (stats().evicted). Keys may have any
// length.
//
//   const auto count = zones.limit_count.incr(key, cost, {.value = 0, .ttl_ms = 60'000},
//   clock.monotonic_ms()); if (count.value > limit) reject, and tell the client count.ttl_left_ms
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/memory/slot_table.h"

namespace apisix::memory {

class Dictionary {
 public:
  struct Init {
    std::int64_t value = 0;    // what a key that does not exist starts with, before it is incremented
    std::uint64_t ttl_ms = 0;  // of a key that is made; 0 = no expiry
  };
  struct Entry {
    std::int64_t value = 0;
    std::uint64_t ttl_left_ms = 0;  // 0 = no expiry
    bool is_new = false;            // made by this call
  };

  static base::Result<Dictionary> create(const std::string& name, std::size_t bytes);
  static base::Result<Dictionary> open(Zone zone);

  // `now_ms` is the monotonic clock's everywhere. A time to live is only set where a call takes one.
  std::optional<Entry> get(std::string_view key, std::uint64_t now_ms);
  // Adds and returns the new value; makes the key if it is not there.
  Entry incr(std::string_view key, std::int64_t by, const Init& init, std::uint64_t now_ms);
  // The same for a key that must exist.
  std::optional<Entry> incr(std::string_view key, std::int64_t by, std::uint64_t now_ms);
  // Adds only when the result is at most `limit`. Returns the new value, or the value that stays and `false`.
  std::pair<Entry, bool> incr_up_to(std::string_view key, std::int64_t by, std::int64_t limit,
                                    const Init& init, std::uint64_t now_ms);
  void set(std::string_view key, std::int64_t value, std::uint64_t ttl_ms, std::uint64_t now_ms);
  // False when the key is there already: nothing is changed.
  bool add(std::string_view key, std::int64_t value, std::uint64_t ttl_ms, std::uint64_t now_ms);
  bool remove(std::string_view key, std::uint64_t now_ms);
  // A new time to live for an existing key; false when it is not there.
  bool expire(std::string_view key, std::uint64_t ttl_ms, std::uint64_t now_ms);
  void flush() { table_.clear(); }

  TableStats stats() const { return table_.stats(); }
  const Zone& zone() const { return table_.zone(); }

 private:
  struct Number {
    std::int64_t value;
  };
  using Table = SlotTable<Number>;

  explicit Dictionary(Table table) : table_(std::move(table)) {}
  static Entry entry(const Table::Cell& cell, std::uint64_t now_ms, bool is_new);
  static Entry incr_cell(Table::Cell& cell, std::int64_t by, const Init& init, std::uint64_t now_ms);

  Table table_;
};

}  // namespace apisix::memory
