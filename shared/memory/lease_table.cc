#include "shared/memory/lease_table.h"

#include <algorithm>

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 4;
constexpr std::size_t kPageBytes = 4096;

// Before the ledgers: which of them were ever used since they were last emptied.
struct Owners {
  std::atomic<std::uint8_t> is_active[kPageBytes];
};

}  // namespace

LeaseTable::LeaseTable(Table table, std::size_t owners) : table_(std::move(table)), owners_(owners) {}

std::size_t LeaseTable::row_bytes(std::size_t slots) {
  return (slots * sizeof(Count) + kPageBytes - 1) / kPageBytes * kPageBytes;
}

base::Result<LeaseTable> LeaseTable::create(const std::string& name, std::size_t bytes, std::size_t owners) {
  owners = std::clamp<std::size_t>(owners, 1, kPageBytes);
  const std::size_t extra = sizeof(Owners) + owners * row_bytes(Table::slots_for(bytes));
  auto table = Table::create(name, bytes, kKind, extra);
  if (!table) return std::unexpected(table.error());
  return LeaseTable(std::move(*table), owners);
}

base::Result<LeaseTable> LeaseTable::open(Zone zone) {
  auto table = Table::open(std::move(zone), kKind);
  if (!table) return std::unexpected(table.error());
  const std::size_t ledgers = table->zone().bytes() - table->extra_offset() - sizeof(Owners);
  const std::size_t owners = ledgers / row_bytes(table->slot_count());
  return LeaseTable(std::move(*table), owners);
}

std::size_t LeaseTable::row_offset(std::size_t owner) const {
  return table_.extra_offset() + sizeof(Owners) + owner * row_bytes(table_.slot_count());
}

LeaseTable::Count& LeaseTable::ledger(std::size_t owner, std::size_t slot) const {
  return reinterpret_cast<Count*>(table_.zone().at(row_offset(owner)))[slot];
}

// The ledgers are right: a slot's count is their sum, and a free slot has no leases.
void LeaseTable::repair(std::size_t bucket) {
  const auto& active = reinterpret_cast<Owners*>(table_.zone().at(table_.extra_offset()))->is_active;
  for (std::size_t slot = bucket * Table::kWays; slot < (bucket + 1) * Table::kWays; ++slot) {
    const bool used = table_.is_used(slot);
    std::uint64_t sum = 0;
    for (std::size_t owner = 0; owner < owners_; ++owner) {
      if (active[owner].load(std::memory_order_relaxed) == 0) continue;
      sum += ledger(owner, slot).load(std::memory_order_relaxed);
      if (!used) ledger(owner, slot).store(0, std::memory_order_relaxed);
    }
    if (used) table_.rewrite(slot, {sum});
  }
}

LeaseTable::Taken LeaseTable::acquire(std::string_view key, std::uint32_t limit, std::size_t owner,
                                      std::uint64_t now_ms) {
  if (owner >= owners_) return {};
  auto& active = reinterpret_cast<Owners*>(table_.zone().at(table_.extra_offset()))->is_active[owner];
  if (active.load(std::memory_order_relaxed) == 0) active.store(1, std::memory_order_seq_cst);
  auto cell = table_.lock(key, now_ms, [this](std::size_t bucket) { repair(bucket); });
  const std::uint64_t before = cell.exists() ? cell.payload().count : 0;
  if (before >= limit) return {Outcome::kRefused, static_cast<std::uint32_t>(before), {}};
  if (!cell.write({before + 1}, 0)) return {};
  ledger(owner, cell.slot()).fetch_add(1, std::memory_order_release);
  return {Outcome::kGranted,
          static_cast<std::uint32_t>(before + 1),
          {.key = cell.hash(), .slot = static_cast<std::uint32_t>(cell.slot()), .is_held = true}};
}

void LeaseTable::release(Lease& lease, std::size_t owner) {
  if (!std::exchange(lease.is_held, false)) return;
  auto cell = table_.lock_slot(lease.slot, [this](std::size_t bucket) { repair(bucket); });
  Count& mine = ledger(owner, lease.slot);
  // Neither happens to who holds a lease; a count below zero would block a key without end.
  if (!cell.exists() || cell.hash() != lease.key || mine.load(std::memory_order_relaxed) == 0) return;
  const std::uint64_t left = cell.payload().count - 1;
  mine.fetch_sub(1, std::memory_order_release);
  if (left == 0) {
    cell.erase();
  } else {
    cell.write({left}, 0);
  }
}

std::uint32_t LeaseTable::in_use(std::string_view key, std::uint64_t now_ms) {
  const auto cell = table_.lock(key, now_ms, [this](std::size_t bucket) { repair(bucket); });
  return cell.exists() ? static_cast<std::uint32_t>(cell.payload().count) : 0;
}

std::uint64_t LeaseTable::return_slot(std::size_t owner, std::size_t slot) {
  auto cell = table_.lock_slot(slot, [this](std::size_t bucket) { repair(bucket); });
  const std::uint64_t held = ledger(owner, slot).exchange(0, std::memory_order_relaxed);
  if (held == 0 || !cell.exists()) return 0;
  const std::uint64_t count = cell.payload().count;
  if (count <= held) {
    cell.erase();
  } else {
    cell.write({count - held}, 0);
  }
  return held;
}

std::uint64_t LeaseTable::return_all(std::size_t owner) {
  if (owner >= owners_) return 0;
  const Zone& zone = table_.zone();
  const std::size_t begin = row_offset(owner);
  const std::size_t end = begin + row_bytes(table_.slot_count());
  std::uint64_t returned = 0;
  for (std::size_t page = zone.find_touched(begin, end); page < end;
       page = zone.find_touched(page + kPageBytes, end)) {
    const std::size_t first = (page - begin) / sizeof(Count);
    for (std::size_t slot = first; slot < first + kPageBytes / sizeof(Count); ++slot) {
      if (slot < table_.slot_count() && ledger(owner, slot).load(std::memory_order_relaxed) != 0) {
        returned += return_slot(owner, slot);
      }
    }
  }
  zone.forget(begin, end - begin);
  return returned;
}

}  // namespace apisix::memory
