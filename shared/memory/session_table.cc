#include "shared/memory/session_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace apisix::memory {
namespace {

using Word = std::atomic<std::uint64_t>;

constexpr std::uint32_t kKind = 9;
constexpr std::uint32_t kLayoutVersion = 1;
constexpr std::size_t kHeaderBytes = 64;
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
// Of a slot: id (2), length and end, checksum; behind them the session.
constexpr std::size_t kHeadWords = 4;
// A session without a client's certificate has 110 to 250 bytes.
constexpr std::size_t kSmallBytes = 320;
constexpr std::size_t kLargeBytes = 4096;
constexpr std::size_t kWays = 8;
static_assert(kLargeBytes - kHeadWords * kWordBytes == SessionTable::kSessionBytesMax);

constexpr std::uint64_t end_of(std::uint64_t meta) {
  return meta >> 16;
}
constexpr std::size_t bytes_of(std::uint64_t meta) {
  return meta & 0xffff;
}

}  // namespace

struct SessionTable::Layout {
  ZoneHeader zone;
  std::uint64_t key0;
  std::uint64_t key1;
  std::uint64_t small_buckets;
  std::uint64_t large_buckets;
};

// A slot's content in memory of our own.
struct SessionTable::Record {
  std::array<std::uint64_t, kLargeBytes / kWordBytes> words;

  std::uint64_t meta() const { return words[2]; }
  std::size_t used_words() const { return kHeadWords + (bytes_of(meta()) + kWordBytes - 1) / kWordBytes; }
  // Of everything but itself.
  std::uint64_t checksum(const base::SipKey& key) const {
    const auto* bytes = reinterpret_cast<const char*>(words.data());
    const base::Hash128 head = base::sip_hash_13({bytes, 3 * kWordBytes}, key);
    const std::string_view session(bytes + kHeadWords * kWordBytes, (used_words() - kHeadWords) * kWordBytes);
    return base::sip_hash_13(session, {key.k0 ^ head.low, key.k1 ^ head.high}).low;
  }
};

class SessionTable::Slots {
 public:
  Slots(std::byte* at, std::size_t slot_bytes, std::uint64_t buckets)
      : at_(reinterpret_cast<Word*>(at)), slot_words_(slot_bytes / kWordBytes), buckets_(buckets) {}

  std::size_t session_bytes_max() const { return (slot_words_ - kHeadWords) * kWordBytes; }
  Word* slot(const base::Hash128& id, std::size_t way) const {
    return at_ + ((id.low % buckets_) * kWays + way) * slot_words_;
  }
  Word* find(const base::Hash128& id) const {
    for (std::size_t way = 0; way < kWays; ++way) {
      Word* const words = slot(id, way);
      if (words[0].load(std::memory_order_relaxed) == id.low &&
          words[1].load(std::memory_order_relaxed) == id.high)
        return words;
    }
    return nullptr;
  }
  // The place of the same id, else of what ends first: what is free or over ended long ago.
  Word* place_for(const base::Hash128& id) const {
    if (Word* const same = find(id)) return same;
    Word* best = slot(id, 0);
    for (std::size_t way = 1; way < kWays; ++way) {
      Word* const words = slot(id, way);
      if (end_of(words[2].load(std::memory_order_relaxed)) < end_of(best[2].load(std::memory_order_relaxed)))
        best = words;
    }
    return best;
  }

 private:
  Word* at_;
  std::size_t slot_words_;
  std::uint64_t buckets_;
};

base::Result<SessionTable> SessionTable::create(const std::string& name, std::size_t bytes) {
  auto zone = Zone::create(name, bytes);
  if (!zone) return std::unexpected(zone.error());
  SessionTable table(std::move(*zone));
  const std::size_t room = bytes - kHeaderBytes;
  const base::SipKey key = base::SipKey::random();
  Layout& layout = table.layout();
  layout.key0 = key.k0;
  layout.key1 = key.k1;
  layout.small_buckets = std::max<std::uint64_t>(room / 4 * 3 / (kSmallBytes * kWays), 1);
  const std::size_t left = room - layout.small_buckets * kSmallBytes * kWays;
  layout.large_buckets = std::max<std::uint64_t>(left / (kLargeBytes * kWays), 1);
  table.zone_.seal(ZoneHeader::fingerprint(kKind, kLayoutVersion, kSmallBytes << 16 | kWays));
  return table;
}

base::Result<SessionTable> SessionTable::open(Zone zone) {
  const auto wanted = ZoneHeader::fingerprint(kKind, kLayoutVersion, kSmallBytes << 16 | kWays);
  if (auto checked = zone.check(wanted); !checked) return std::unexpected(checked.error());
  return SessionTable(std::move(zone));
}

base::Hash128 SessionTable::hash(std::string_view id) const {
  base::Hash128 hash = base::sip_hash_13(id, {layout().key0, layout().key1});
  hash.high |= 1;  // never that of a free slot
  return hash;
}

SessionTable::Slots SessionTable::small() const {
  return {zone_.at(kHeaderBytes), kSmallBytes, layout().small_buckets};
}

SessionTable::Slots SessionTable::large() const {
  return {zone_.at(kHeaderBytes + layout().small_buckets * kSmallBytes * kWays), kLargeBytes,
          layout().large_buckets};
}

void SessionTable::put(std::string_view id, std::string_view session, std::uint64_t now_s,
                       std::uint64_t ends_at_s) {
  if (session.size() > kSessionBytesMax || ends_at_s <= now_s) return;
  const base::Hash128 key = hash(id);
  Record record;
  record.words[0] = key.low;
  record.words[1] = key.high;
  record.words[2] = ends_at_s << 16 | session.size();
  record.words[record.used_words() - 1] = 0;
  record.words[2] = ends_at_s << 16 | session.size();
  if (!session.empty()) std::memcpy(record.words.data() + kHeadWords, session.data(), session.size());
  record.words[3] = record.checksum({layout().key0, layout().key1});
  const Slots slots = session.size() <= small().session_bytes_max() ? small() : large();
  Word* const to = slots.place_for(key);
  for (std::size_t i = 0; i < record.used_words(); ++i)
    to[i].store(record.words[i], std::memory_order_relaxed);
}

std::size_t SessionTable::find(std::string_view id, std::span<char> into, std::uint64_t now_s) const {
  const base::Hash128 key = hash(id);
  for (const Slots& slots : {small(), large()}) {
    const Word* const from = slots.find(key);
    if (from == nullptr) continue;
    Record record;
    for (std::size_t i = 0; i < kHeadWords; ++i) record.words[i] = from[i].load(std::memory_order_relaxed);
    const std::size_t bytes = bytes_of(record.meta());
    if (end_of(record.meta()) <= now_s || bytes > slots.session_bytes_max() || bytes > into.size()) continue;
    for (std::size_t i = kHeadWords; i < record.used_words(); ++i)
      record.words[i] = from[i].load(std::memory_order_relaxed);
    if (record.words[3] != record.checksum({layout().key0, layout().key1})) continue;
    std::memcpy(into.data(), record.words.data() + kHeadWords, bytes);
    return bytes;
  }
  return 0;
}

void SessionTable::remove(std::string_view id) {
  const base::Hash128 key = hash(id);
  for (const Slots& slots : {small(), large()}) {
    Word* const words = slots.find(key);
    if (words == nullptr) continue;
    words[2].store(0, std::memory_order_relaxed);
    words[0].store(0, std::memory_order_relaxed);
    words[1].store(0, std::memory_order_relaxed);
  }
}

}  // namespace apisix::memory
