#include "shared/memory/script_dict.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "shared/base/sip_hash.h"
#include "shared/memory/robust_lock.h"

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 14;
constexpr std::uint32_t kLayoutVersion = 1;
// Blocks of 2^6 to 2^30 bytes.
constexpr unsigned kClassMin = 6;
constexpr unsigned kClasses = 25;
// How many others one write may drive out, as nginx's slab.
constexpr int kEvictedMax = 30;
// Zone bytes for each bucket.
constexpr std::size_t kBytesPerBucket = 256;

}  // namespace

// A block that is in use. Free ones use `next` alone.
struct ScriptDict::Entry {
  std::uint64_t next;  // in its bucket, or among the free
  std::uint64_t newer;
  std::uint64_t older;
  std::uint64_t ends_ms;  // 0: never
  std::uint64_t hash;
  std::uint32_t key_bytes;
  std::uint32_t value_bytes;
  std::uint32_t flags;
  std::uint8_t type;
  std::uint8_t size_class;

  char* text() { return reinterpret_cast<char*>(this + 1); }
  std::string_view key() { return {text(), key_bytes}; }
  std::string_view value() { return {text() + key_bytes, value_bytes}; }
};

struct ScriptDict::Layout {
  ZoneHeader zone;
  RobustLock lock;
  std::uint64_t key0;
  std::uint64_t key1;
  std::uint64_t buckets;  // a power of two
  std::uint64_t first_block;
  std::uint64_t untouched;  // from here on nothing was ever used
  std::uint64_t newest;
  std::uint64_t oldest;
  std::uint64_t free_blocks[kClasses];
};

// What is done under the lock.
class ScriptDict::Locked {
 public:
  explicit Locked(const ScriptDict& dict) : zone_(dict.zone_), layout_(dict.layout()) {
    layout_.lock.lock(0, [this](std::uint64_t) { reset(); });
  }
  ~Locked() { layout_.lock.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  Entry* find(std::string_view key) {
    const std::uint64_t hash = hash_of(key);
    for (std::uint64_t at = bucket(hash); at != 0; at = entry(at).next) {
      if (entry(at).hash == hash && entry(at).key() == key) return &entry(at);
    }
    return nullptr;
  }
  static bool has_ended(const Entry& entry, std::uint64_t now_ms) {
    return entry.ends_ms != 0 && entry.ends_ms <= now_ms;
  }
  Entry* find_live(std::string_view key, std::uint64_t now_ms) {
    Entry* found = find(key);
    return found != nullptr && !has_ended(*found, now_ms) ? found : nullptr;
  }

  void touch(Entry& entry) {
    unlink_age(entry);
    link_newest(entry);
  }

  // In the place of what is under the key. The value may view the old entry's own copy only when it was
  // copied before.
  Outcome write(std::string_view key, Type type, std::string_view value, std::uint32_t flags,
                std::uint64_t ends_ms, std::uint64_t now_ms, bool evicts) {
    Entry* entry = find(key);
    const std::size_t bytes = sizeof(Entry) + key.size() + value.size();
    Outcome outcome;
    if (entry == nullptr || class_of(bytes) != entry->size_class) {
      // A list that cannot grow stays as it is; other values are gone when the new one finds no room.
      Entry* const before = entry;
      const bool is_kept = type == Type::kList && before != nullptr && !has_ended(*before, now_ms);
      if (before != nullptr && !is_kept) free(*before);
      entry = allocate(bytes, now_ms, evicts, outcome);
      if (entry == nullptr) return {Fault::kNoMemory, outcome.has_evicted};
      if (is_kept) free(*before);
      entry->hash = hash_of(key);
      entry->key_bytes = static_cast<std::uint32_t>(key.size());
      std::memcpy(entry->text(), key.data(), key.size());
      std::uint64_t& first = bucket(entry->hash);
      entry->next = first;
      first = offset(*entry);
      link_newest(*entry);
    } else {
      touch(*entry);
    }
    entry->type = static_cast<std::uint8_t>(type);
    entry->flags = flags;
    entry->ends_ms = ends_ms;
    entry->value_bytes = static_cast<std::uint32_t>(value.size());
    if (!value.empty()) std::memcpy(entry->text() + entry->key_bytes, value.data(), value.size());
    return outcome;
  }

  void free(Entry& gone) {
    std::uint64_t* at = &bucket(gone.hash);
    while (*at != offset(gone)) at = &entry(*at).next;
    *at = gone.next;
    unlink_age(gone);
    std::uint64_t& first = layout_.free_blocks[gone.size_class];
    gone.next = first;
    first = offset(gone);
  }

  Entry* oldest() { return layout_.oldest != 0 ? &entry(layout_.oldest) : nullptr; }
  Entry* newest() { return layout_.newest != 0 ? &entry(layout_.newest) : nullptr; }
  Entry* newer(const Entry& than) { return than.newer != 0 ? &entry(than.newer) : nullptr; }
  Entry* older(const Entry& than) { return than.older != 0 ? &entry(than.older) : nullptr; }

 private:
  std::uint64_t hash_of(std::string_view key) const {
    return base::sip_hash_13(key, {layout_.key0, layout_.key1}).low;
  }
  static unsigned class_of(std::size_t bytes) {
    return static_cast<unsigned>(std::bit_width(std::max<std::size_t>(bytes, 64) - 1)) - kClassMin;
  }
  Entry& entry(std::uint64_t offset) { return *reinterpret_cast<Entry*>(zone_.at(offset)); }
  std::uint64_t offset(const Entry& entry) const {
    return static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&entry) - zone_.at(0));
  }
  std::uint64_t& bucket(std::uint64_t hash) {
    auto* buckets = reinterpret_cast<std::uint64_t*>(zone_.at(sizeof(Layout)));
    return buckets[hash & (layout_.buckets - 1)];
  }

  void link_newest(Entry& added) {
    added.newer = 0;
    added.older = layout_.newest;
    if (layout_.newest != 0) entry(layout_.newest).newer = offset(added);
    layout_.newest = offset(added);
    if (layout_.oldest == 0) layout_.oldest = offset(added);
  }
  void unlink_age(const Entry& gone) {
    (gone.newer != 0 ? entry(gone.newer).older : layout_.newest) = gone.older;
    (gone.older != 0 ? entry(gone.older).newer : layout_.oldest) = gone.newer;
  }

  Entry* take_block(unsigned size_class) {
    std::uint64_t& first = layout_.free_blocks[size_class];
    std::uint64_t at = first;
    if (at != 0) {
      first = entry(at).next;
    } else {
      const std::uint64_t bytes = std::uint64_t{1} << (size_class + kClassMin);
      if (layout_.untouched + bytes > zone_.bytes()) return nullptr;
      at = layout_.untouched;
      layout_.untouched += bytes;
    }
    Entry& taken = entry(at);
    taken.size_class = static_cast<std::uint8_t>(size_class);
    return &taken;
  }

  // Ended ones make room whatever `evicts` says.
  Entry* allocate(std::size_t bytes, std::uint64_t now_ms, bool evicts, Outcome& outcome) {
    const unsigned size_class = class_of(bytes);
    if (size_class >= kClasses) return nullptr;
    if (Entry* taken = take_block(size_class)) return taken;
    Entry* at = oldest();
    for (int i = 0; i < kEvictedMax && at != nullptr; ++i) {
      Entry* const next = newer(*at);
      const bool is_over = has_ended(*at, now_ms);
      if (is_over || evicts) {
        outcome.has_evicted |= !is_over;
        free(*at);
        if (Entry* taken = take_block(size_class)) return taken;
      }
      at = next;
    }
    return nullptr;
  }

  void reset() {
    layout_.untouched = layout_.first_block;
    layout_.newest = layout_.oldest = 0;
    std::fill_n(layout_.free_blocks, kClasses, 0);
    std::memset(zone_.at(sizeof(Layout)), 0, layout_.buckets * sizeof(std::uint64_t));
  }

  const Zone& zone_;
  Layout& layout_;
};

base::Result<ScriptDict> ScriptDict::create(const std::string& name, std::size_t bytes) {
  auto zone = Zone::create(name, std::max(bytes, kBytesMin));
  if (!zone) return std::unexpected(zone.error());
  ScriptDict dict(std::move(*zone));
  Layout& layout = dict.layout();
  layout.lock.init();
  const base::SipKey key = base::SipKey::random();
  layout.key0 = key.k0;
  layout.key1 = key.k1;
  layout.buckets = std::bit_floor(std::max<std::size_t>(dict.zone_.bytes() / kBytesPerBucket, 16));
  constexpr std::uint64_t kAlign = 64;
  layout.first_block =
      (sizeof(Layout) + layout.buckets * sizeof(std::uint64_t) + kAlign - 1) / kAlign * kAlign;
  layout.untouched = layout.first_block;
  dict.zone_.seal(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Entry)));
  return dict;
}

base::Result<ScriptDict> ScriptDict::open(Zone zone) {
  if (auto status = zone.check(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Entry))); !status) {
    return std::unexpected(status.error());
  }
  return ScriptDict(std::move(zone));
}

std::optional<ScriptDict::Value> ScriptDict::get(std::string_view key, std::uint64_t now_ms,
                                                 bool with_stale) {
  Locked locked(*this);
  Entry* entry = locked.find(key);
  if (entry == nullptr) return std::nullopt;
  const bool is_stale = Locked::has_ended(*entry, now_ms);
  if (is_stale && !with_stale) return std::nullopt;
  locked.touch(*entry);
  return Value{static_cast<Type>(entry->type), std::string(entry->value()), entry->flags, is_stale};
}

ScriptDict::Outcome ScriptDict::put(std::string_view key, const Value& value, std::uint64_t ends_ms,
                                    std::uint64_t now_ms, Put when, bool evicts) {
  Locked locked(*this);
  const bool is_there = locked.find_live(key, now_ms) != nullptr;
  if (when == Put::kIfMissing && is_there) return {Fault::kExists};
  if (when == Put::kIfThere && !is_there) return {Fault::kNotFound};
  return locked.write(key, value.type, value.bytes, value.flags, ends_ms, now_ms, evicts);
}

bool ScriptDict::remove(std::string_view key) {
  Locked locked(*this);
  Entry* entry = locked.find(key);
  if (entry != nullptr) locked.free(*entry);
  return entry != nullptr;
}

ScriptDict::Outcome ScriptDict::increase(std::string_view key, double by, std::optional<double> init,
                                         std::uint64_t init_ttl_ms, std::uint64_t now_ms, double& result) {
  Locked locked(*this);
  Entry* entry = locked.find_live(key, now_ms);
  if (entry == nullptr && !init) return {Fault::kNotFound};
  if (entry != nullptr && static_cast<Type>(entry->type) != Type::kNumber) return {Fault::kWrongType};
  double before = init.value_or(0);
  if (entry != nullptr) std::memcpy(&before, entry->value().data(), sizeof before);
  result = before + by;
  const std::string_view bytes(reinterpret_cast<const char*>(&result), sizeof result);
  if (entry != nullptr) {
    std::memcpy(entry->text() + entry->key_bytes, bytes.data(), bytes.size());
    locked.touch(*entry);
    return {};
  }
  return locked.write(key, Type::kNumber, bytes, 0, init_ttl_ms != 0 ? now_ms + init_ttl_ms : 0, now_ms,
                      true);
}

namespace {

// A list is its elements one behind the other: type, length, bytes.
struct Element {
  std::uint8_t type;
  std::string_view bytes;
};

std::string packed(const ScriptDict::Value& value) {
  const auto bytes = static_cast<std::uint32_t>(value.bytes.size());
  std::string out(1, static_cast<char>(value.type));
  out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  return out + value.bytes;
}

std::vector<Element> elements_of(std::string_view list) {
  std::vector<Element> out;
  while (!list.empty()) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, list.data() + 1, sizeof bytes);
    out.push_back({static_cast<std::uint8_t>(list[0]), list.substr(1 + sizeof bytes, bytes)});
    list.remove_prefix(1 + sizeof bytes + bytes);
  }
  return out;
}

std::size_t packed_bytes(const Element& element) {
  return 1 + sizeof(std::uint32_t) + element.bytes.size();
}

}  // namespace

ScriptDict::Outcome ScriptDict::push(std::string_view key, const Value& value, bool at_front,
                                     std::uint64_t now_ms, std::size_t& count) {
  Locked locked(*this);
  Entry* entry = locked.find_live(key, now_ms);
  if (entry != nullptr && static_cast<Type>(entry->type) != Type::kList) return {Fault::kWrongType};
  std::string list = entry != nullptr ? std::string(entry->value()) : std::string();
  const std::uint64_t ends_ms = entry != nullptr ? entry->ends_ms : 0;
  at_front ? list.insert(0, packed(value)) : list.append(packed(value));
  count = elements_of(list).size();
  return locked.write(key, Type::kList, list, 0, ends_ms, now_ms, false);
}

ScriptDict::Outcome ScriptDict::pop(std::string_view key, bool at_front, std::uint64_t now_ms,
                                    std::optional<Value>& value) {
  Locked locked(*this);
  Entry* entry = locked.find_live(key, now_ms);
  if (entry == nullptr) return {};
  if (static_cast<Type>(entry->type) != Type::kList) return {Fault::kWrongType};
  const std::string list(entry->value());
  const auto elements = elements_of(list);
  const Element& taken = at_front ? elements.front() : elements.back();
  value = Value{static_cast<Type>(taken.type), std::string(taken.bytes), 0, false};
  if (elements.size() == 1) {
    locked.free(*entry);
    return {};
  }
  const std::string_view rest = at_front
                                    ? std::string_view(list).substr(packed_bytes(taken))
                                    : std::string_view(list).substr(0, list.size() - packed_bytes(taken));
  return locked.write(key, Type::kList, rest, 0, entry->ends_ms, now_ms, false);
}

ScriptDict::Outcome ScriptDict::length(std::string_view key, std::uint64_t now_ms, std::size_t& count) {
  Locked locked(*this);
  Entry* entry = locked.find_live(key, now_ms);
  count = 0;
  if (entry == nullptr) return {};
  if (static_cast<Type>(entry->type) != Type::kList) return {Fault::kWrongType};
  count = elements_of(entry->value()).size();
  return {};
}

std::optional<std::uint64_t> ScriptDict::ttl(std::string_view key, std::uint64_t now_ms) {
  Locked locked(*this);
  const Entry* entry = locked.find_live(key, now_ms);
  if (entry == nullptr) return std::nullopt;
  return entry->ends_ms == 0 ? 0 : entry->ends_ms - now_ms;
}

bool ScriptDict::expire(std::string_view key, std::uint64_t ends_ms, std::uint64_t now_ms) {
  Locked locked(*this);
  Entry* entry = locked.find_live(key, now_ms);
  if (entry == nullptr) return false;
  entry->ends_ms = ends_ms;
  return true;
}

void ScriptDict::flush_all(std::uint64_t now_ms) {
  Locked locked(*this);
  for (Entry* entry = locked.newest(); entry != nullptr; entry = locked.older(*entry)) {
    entry->ends_ms = std::max<std::uint64_t>(now_ms, 1);
  }
}

std::size_t ScriptDict::flush_expired(std::size_t max, std::uint64_t now_ms) {
  Locked locked(*this);
  std::size_t count = 0;
  for (Entry* entry = locked.oldest(); entry != nullptr && (max == 0 || count < max);) {
    Entry* const next = locked.newer(*entry);
    if (Locked::has_ended(*entry, now_ms)) {
      locked.free(*entry);
      ++count;
    }
    entry = next;
  }
  return count;
}

std::vector<std::string> ScriptDict::keys(std::size_t max, std::uint64_t now_ms) {
  Locked locked(*this);
  std::vector<std::string> out;
  for (Entry* entry = locked.newest(); entry != nullptr && (max == 0 || out.size() < max);
       entry = locked.older(*entry)) {
    if (!Locked::has_ended(*entry, now_ms)) out.emplace_back(entry->key());
  }
  return out;
}

std::size_t ScriptDict::free_bytes() {
  const Locked locked(*this);
  return zone_.bytes() - static_cast<std::size_t>(layout().untouched);
}

}  // namespace apisix::memory
