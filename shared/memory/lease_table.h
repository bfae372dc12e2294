// LeaseTable: how many requests of a key are in flight over all workers (limit-conn). A lease cannot leak:
// each one is also in the ledger of the process that took it, and when the master has reaped a process,
// however it died, return_all() gives back what its ledger holds.
//
// The ledger is an array of counts per process, one per slot of the table; the pages that a process does not
// use do not exist. When a process dies between its two updates, the next one that locks the same bucket adds
// the bucket's counts up from the ledgers.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/memory/slot_table.h"

namespace apisix::memory {

class LeaseTable {
 public:
  struct Lease {
    base::Hash128 key;
    std::uint32_t slot = 0;
    bool is_held = false;
  };
  enum class Outcome : unsigned char {
    kGranted,
    kRefused,  // `limit` leases are taken
    kNoRoom,   // the zone is full of leases, or there are too many processes: not counted
  };
  struct Taken {
    Outcome outcome = Outcome::kNoRoom;
    std::uint32_t in_use = 0;  // of the key: this one included, or the ones that stand in the way
    Lease lease;               // to release() exactly once, by the same process
  };

  // `owners`: how many processes may hold leases at one time.
  static base::Result<LeaseTable> create(const std::string& name, std::size_t bytes, std::size_t owners);
  static base::Result<LeaseTable> open(Zone zone);

  // `owner`: index of this process's slot in the status zone. `now_ms`: monotonic.
  Taken acquire(std::string_view key, std::uint32_t limit, std::size_t owner, std::uint64_t now_ms);
  void release(Lease& lease, std::size_t owner);
  std::uint32_t in_use(std::string_view key, std::uint64_t now_ms);
  // Master only, once `owner` is dead and before its slot is claimed again. Returns how many there were.
  std::uint64_t return_all(std::size_t owner);

  TableStats stats() const { return table_.stats(); }
  const Zone& zone() const { return table_.zone(); }

 private:
  struct InUse {
    std::uint64_t count;
    bool is_pinned() const { return count > 0; }
  };
  using Table = SlotTable<InUse>;
  using Count = std::atomic<std::uint32_t>;

  LeaseTable(Table table, std::size_t owners);
  static std::size_t row_bytes(std::size_t slots);
  std::size_t row_offset(std::size_t owner) const;
  Count& ledger(std::size_t owner, std::size_t slot) const;
  void repair(std::size_t bucket);
  std::uint64_t return_slot(std::size_t owner, std::size_t slot);

  Table table_;
  std::size_t owners_;
};

}  // namespace apisix::memory
