// RateTable: leaky buckets of all workers, one per key: how far a client is above its rate, and since when.
// The measure of limit-req, as nginx and APISIX define it.
#pragma once

#include <string>
#include <string_view>

#include "shared/memory/slot_table.h"

namespace apisix::memory {

class RateTable {
 public:
  struct Verdict {
    bool is_granted = false;
    double excess = 0;  // requests above the rate; excess / rate seconds is how long to delay this one
  };

  static base::Result<RateTable> create(const std::string& name, std::size_t bytes);
  static base::Result<RateTable> open(Zone zone);

  // One more request of `key`, which may have `rate` per second and `burst` above. Refused ones do not count.
  // `commit` = false only looks. `now_ms`: monotonic.
  Verdict take(std::string_view key, double rate, double burst, bool commit, std::uint64_t now_ms);
  // Takes one granted request back.
  void give_back(std::string_view key, std::uint64_t now_ms);
  void flush() { table_.clear(); }

  TableStats stats() const { return table_.stats(); }
  const Zone& zone() const { return table_.zone(); }

 private:
  struct Rate {
    double excess;
    std::uint64_t last_ms;
  };
  using Table = SlotTable<Rate>;

  explicit RateTable(Table table) : table_(std::move(table)) {}

  Table table_;
};

}  // namespace apisix::memory
