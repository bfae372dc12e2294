// SlotTable: a string -> small fixed-size record map in a zone, for limits and counters of all workers.
// Bounded probing: a key lives in one bucket of 16 slots; when these are taken the one that was used longest
// ago goes.
//
// Keys are kept as a 128-bit keyed hash, so they may have any length and a slot is one or two cache lines;
// the key of the hash is random per zone, so clients cannot search for two keys that collide.
//
// Locking: a striped robust lock (robust_lock.h). Everything in a bucket is read and written under its
// stripe. A process killed in between leaves it whole without any repair: a record is written beside the
// valid one and then made valid by one store, and a slot counts only once its tag is set, which is the last
// store.
//
// Times are milliseconds of one clock per table, the same in all processes (CLOCK_MONOTONIC); 0 = never
// expires.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shared/base/sip_hash.h"
#include "shared/memory/robust_lock.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

struct TableStats {
  std::uint64_t slots = 0;
  std::uint64_t evicted = 0;    // that had not expired: the zone is too small
  std::uint64_t recovered = 0;  // locks whose owner died
};

// A Payload that must not be evicted says so with `bool is_pinned() const`.
template <typename Payload>
class SlotTable {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) % 8 == 0);

 public:
  static constexpr std::size_t kWays = 16;
  static constexpr std::size_t kLocksMax = 1024;
  class Cell;

  // `extra_bytes` behind the table are the caller's, from extra_offset().
  static base::Result<SlotTable> create(const std::string& name, std::size_t bytes, std::uint32_t kind,
                                        std::size_t extra_bytes = 0);
  static base::Result<SlotTable> open(Zone zone, std::uint32_t kind);
  // How many slots a table of `bytes` has.
  static std::size_t slots_for(std::size_t bytes) { return buckets_for(bytes) * kWays; }

  // The place of `key`, locked as long as the Cell lives: do nothing slow, and lock no other.
  Cell lock(std::string_view key, std::uint64_t now_ms) {
    return lock(key, now_ms, [](std::size_t) {});
  }
  // `repair(bucket)` runs first when a process died while changing `bucket`.
  template <typename Repair>
  Cell lock(std::string_view key, std::uint64_t now_ms, Repair&& repair);
  template <typename Repair>
  Cell lock_slot(std::size_t slot, Repair&& repair);

  void clear();
  // Calls seen(payload, expires_ms) for every key that has not expired, a bucket at a time.
  template <typename Seen>
  void for_each(std::uint64_t now_ms, Seen&& seen);

  TableStats stats() const;
  std::size_t slot_count() const { return buckets_ * kWays; }
  std::size_t extra_offset() const { return end_of(buckets_); }
  const Zone& zone() const { return zone_; }

  // For a repair, which runs with the bucket locked.
  bool is_used(std::size_t slot) const {
    return bucket(slot / kWays).tags[slot % kWays].load(std::memory_order_relaxed) != 0;
  }
  void rewrite(std::size_t slot, const Payload& payload) {
    Slot& it = bucket(slot / kWays).slots[slot % kWays];
    it.commit({payload, it.valid().expires_ms});
  }

 private:
  struct Record {
    Payload payload;
    std::uint64_t expires_ms;

    bool is_expired(std::uint64_t now_ms) const { return expires_ms != 0 && expires_ms <= now_ms; }
  };
  struct SlotFields {
    base::Hash128 hash;
    Record records[2];
    std::uint32_t current;
    std::uint32_t used_ms;  // cut to 32 bits: ages are differences
  };
  // One cache line when that is enough.
  struct alignas(sizeof(SlotFields) <= 64 ? 64 : 8) Slot {
    base::Hash128 hash;
    Record records[2];
    std::atomic<std::uint32_t> current;
    std::atomic<std::uint32_t> used_ms;

    const Record& valid() const { return records[current.load(std::memory_order_relaxed) & 1]; }
    void commit(const Record& record) {
      const std::uint32_t next = 1 - (current.load(std::memory_order_relaxed) & 1);
      records[next] = record;
      current.store(next, std::memory_order_release);
    }
  };
  struct alignas(64) Bucket {
    std::atomic<std::uint8_t> tags[kWays];  // of the hash, never 0; 0 = the slot is free
    Slot slots[kWays];
  };
  struct Header {
    ZoneHeader zone;
    std::uint64_t buckets;
    base::SipKey key;
    std::atomic<std::uint64_t> evicted;
    std::atomic<std::uint64_t> recovered;
  };
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::uint32_t kLayoutVersion = 1;

  SlotTable(Zone zone, std::uint64_t buckets, const base::SipKey& key)
      : zone_(std::move(zone)), buckets_(buckets), key_(key) {}
  static std::uint64_t layout(std::uint32_t kind) {
    return ZoneHeader::fingerprint(kind, kLayoutVersion, sizeof(Bucket));
  }
  static std::size_t buckets_for(std::size_t bytes) {
    return std::clamp<std::size_t>(bytes / sizeof(Bucket), 1, std::numeric_limits<std::uint32_t>::max());
  }
  static std::size_t locks_for(std::size_t buckets) { return std::min(kLocksMax, std::bit_floor(buckets)); }
  static std::size_t buckets_offset(std::size_t buckets) {
    return kPageBytes + locks_for(buckets) * sizeof(RobustLock);
  }
  static std::size_t end_of(std::size_t buckets) {
    const std::size_t end = buckets_offset(buckets) + buckets * sizeof(Bucket);
    return (end + kPageBytes - 1) / kPageBytes * kPageBytes;
  }

  Header& header() const { return *static_cast<Header*>(zone_.data()); }
  RobustLock& lock_of(std::size_t bucket) const {
    auto* locks = reinterpret_cast<RobustLock*>(zone_.at(kPageBytes));
    return locks[bucket & (locks_for(buckets_) - 1)];
  }
  Bucket& bucket(std::size_t index) const {
    return reinterpret_cast<Bucket*>(zone_.at(buckets_offset(buckets_)))[index];
  }
  std::size_t find_slot(const Bucket& bucket, const base::Hash128& hash) const;
  std::size_t free_slot(Bucket& bucket, std::uint64_t now_ms);
  template <typename Repair>
  RobustLock& lock_bucket(std::size_t index, Repair&& repair);
  static std::uint8_t tag_of(const base::Hash128& hash) {
    return static_cast<std::uint8_t>(hash.high) | std::uint8_t{1};
  }
  static bool is_pinned(const Record& record) {
    if constexpr (requires { record.payload.is_pinned(); }) return record.payload.is_pinned();
    return false;
  }

  Zone zone_;
  std::size_t buckets_;
  // The header's. There it shares a line with the counters, which every process that evicts writes.
  base::SipKey key_;
};

// A locked place: the key's record, or where it will be.
template <typename Payload>
class SlotTable<Payload>::Cell {
 public:
  ~Cell() { lock_->unlock(); }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

  // An expired record does not exist.
  bool exists() const { return exists_; }
  const Payload& payload() const { return record().payload; }
  std::uint64_t expires_ms() const { return record().expires_ms; }
  // Of an existing key; changes with the next write.
  std::size_t slot() const { return bucket_index_ * kWays + way_; }
  const base::Hash128& hash() const { return hash_; }

  // False when all places are pinned: nothing was written.
  bool write(const Payload& payload, std::uint64_t expires_ms) {
    if (way_ != kWays) {
      slot_ref().commit({payload, expires_ms});
    } else if (!insert({payload, expires_ms})) {
      return false;
    }
    exists_ = true;
    touch();
    return true;
  }
  void erase() {
    if (way_ != kWays) bucket().tags[way_].store(0, std::memory_order_release);
    way_ = kWays;
    exists_ = false;
  }

 private:
  friend class SlotTable;
  Cell(SlotTable& table, RobustLock& lock, std::size_t bucket_index, const base::Hash128& hash,
       std::size_t way, std::uint64_t now_ms)
      : table_(table), lock_(&lock), bucket_index_(bucket_index), hash_(hash), way_(way), now_ms_(now_ms) {
    exists_ = way_ != kWays && (!record().is_expired(now_ms) || is_pinned(record()));
    if (exists_) touch();
  }

  Bucket& bucket() const { return table_.bucket(bucket_index_); }
  Slot& slot_ref() const { return bucket().slots[way_]; }
  const Record& record() const { return slot_ref().valid(); }
  void touch() { slot_ref().used_ms.store(static_cast<std::uint32_t>(now_ms_), std::memory_order_relaxed); }

  bool insert(const Record& record) {
    const std::size_t way = table_.free_slot(bucket(), now_ms_);
    if (way == kWays) return false;
    way_ = way;
    Slot& slot = slot_ref();
    slot.hash = hash_;
    slot.commit(record);
    bucket().tags[way].store(tag_of(hash_), std::memory_order_release);
    return true;
  }

  SlotTable& table_;
  RobustLock* lock_;
  std::size_t bucket_index_;
  base::Hash128 hash_;
  std::size_t way_;  // kWays = not there
  std::uint64_t now_ms_;
  bool exists_ = false;
};

template <typename Payload>
base::Result<SlotTable<Payload>> SlotTable<Payload>::create(const std::string& name, std::size_t bytes,
                                                            std::uint32_t kind, std::size_t extra_bytes) {
  const std::size_t buckets = buckets_for(bytes);
  auto zone = Zone::create(name, end_of(buckets) + extra_bytes);
  if (!zone) return std::unexpected(zone.error());
  SlotTable table(std::move(*zone), buckets, base::SipKey::random());
  table.header().buckets = buckets;
  table.header().key = table.key_;
  for (std::size_t i = 0; i < locks_for(buckets); ++i) table.lock_of(i).init();
  table.zone_.seal(layout(kind));
  return table;
}

template <typename Payload>
base::Result<SlotTable<Payload>> SlotTable<Payload>::open(Zone zone, std::uint32_t kind) {
  if (auto checked = zone.check(layout(kind)); !checked) return std::unexpected(checked.error());
  const auto& header = *static_cast<const Header*>(zone.data());
  return SlotTable(std::move(zone), header.buckets, header.key);
}

template <typename Payload>
template <typename Repair>
RobustLock& SlotTable<Payload>::lock_bucket(std::size_t index, Repair&& repair) {
  RobustLock& lock = lock_of(index);
  lock.lock(index, [&](std::uint64_t note) {
    header().recovered.fetch_add(1, std::memory_order_relaxed);
    repair(static_cast<std::size_t>(note));
  });
  return lock;
}

template <typename Payload>
template <typename Repair>
auto SlotTable<Payload>::lock(std::string_view key, std::uint64_t now_ms, Repair&& repair) -> Cell {
  const base::Hash128 hash = base::sip_hash_13(key, key_);
  const auto index = static_cast<std::size_t>((hash.low >> 32) * buckets_ >> 32);
  RobustLock& lock = lock_bucket(index, repair);
  return Cell(*this, lock, index, hash, find_slot(bucket(index), hash), now_ms);
}

// By place, for callers that cached it; the Cell's hash says whose it is now. A free slot does not exist.
template <typename Payload>
template <typename Repair>
auto SlotTable<Payload>::lock_slot(std::size_t slot, Repair&& repair) -> Cell {
  const std::size_t index = slot / kWays;
  RobustLock& lock = lock_bucket(index, repair);
  const std::size_t way = is_used(slot) ? slot % kWays : kWays;
  const Slot& place = bucket(index).slots[slot % kWays];
  return Cell(*this, lock, index, place.hash, way, place.used_ms.load(std::memory_order_relaxed));
}

template <typename Payload>
std::size_t SlotTable<Payload>::find_slot(const Bucket& bucket, const base::Hash128& hash) const {
  const std::uint8_t tag = tag_of(hash);
  for (std::size_t way = 0; way < kWays; ++way) {
    if (bucket.tags[way].load(std::memory_order_relaxed) == tag && bucket.slots[way].hash == hash) return way;
  }
  return kWays;
}

// A free slot, or an expired one, or the one used longest ago; kWays when all are pinned.
template <typename Payload>
std::size_t SlotTable<Payload>::free_slot(Bucket& bucket, std::uint64_t now_ms) {
  std::size_t oldest = kWays;
  std::int32_t oldest_age = std::numeric_limits<std::int32_t>::min();
  for (std::size_t way = 0; way < kWays; ++way) {
    if (bucket.tags[way].load(std::memory_order_relaxed) == 0) return way;
  }
  for (std::size_t way = 0; way < kWays; ++way) {
    const Slot& slot = bucket.slots[way];
    if (is_pinned(slot.valid())) continue;
    const std::uint32_t used_ms = slot.used_ms.load(std::memory_order_relaxed);
    const bool expired = slot.valid().is_expired(now_ms);
    const auto age = expired ? std::numeric_limits<std::int32_t>::max()
                             : static_cast<std::int32_t>(static_cast<std::uint32_t>(now_ms) - used_ms);
    if (oldest != kWays && age <= oldest_age) continue;
    oldest = way;
    oldest_age = age;
  }
  if (oldest == kWays) return kWays;
  if (!bucket.slots[oldest].valid().is_expired(now_ms)) {
    header().evicted.fetch_add(1, std::memory_order_relaxed);
  }
  bucket.tags[oldest].store(0, std::memory_order_relaxed);
  // Only against the compiler: a process that is killed here has done its stores in this order.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return oldest;
}

template <typename Payload>
void SlotTable<Payload>::clear() {
  for (std::size_t index = 0; index < buckets_; ++index) {
    RobustLock& lock = lock_bucket(index, [](std::size_t) {});
    for (std::size_t way = 0; way < kWays; ++way) {
      if (is_used(index * kWays + way)) bucket(index).tags[way].store(0, std::memory_order_relaxed);
    }
    lock.unlock();
  }
}

template <typename Payload>
template <typename Seen>
void SlotTable<Payload>::for_each(std::uint64_t now_ms, Seen&& seen) {
  for (std::size_t index = 0; index < buckets_; ++index) {
    RobustLock& lock = lock_bucket(index, [](std::size_t) {});
    for (std::size_t way = 0; way < kWays; ++way) {
      if (!is_used(index * kWays + way)) continue;
      const Record& record = bucket(index).slots[way].valid();
      if (!record.is_expired(now_ms)) seen(record.payload, record.expires_ms);
    }
    lock.unlock();
  }
}

template <typename Payload>
TableStats SlotTable<Payload>::stats() const {
  return {.slots = slot_count(),
          .evicted = header().evicted.load(std::memory_order_relaxed),
          .recovered = header().recovered.load(std::memory_order_relaxed)};
}

}  // namespace apisix::memory
