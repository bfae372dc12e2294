#include "shared/memory/ticket_key_table.h"

#include <cstring>

#include <sys/random.h>

#include "shared/base/check.h"

namespace apisix::memory {
namespace {

constexpr std::uint32_t kKind = 10;
constexpr std::uint32_t kLayoutVersion = 1;

// Blocks only while the machine starts.
void fill_random(TicketKeyTable::Key& key) {
  CHECK(::getrandom(key.data(), key.size(), 0) == static_cast<ssize_t>(key.size()));
}

}  // namespace

base::Result<TicketKeyTable> TicketKeyTable::create() {
  auto zone = Zone::create(kZone, sizeof(Layout));
  if (!zone) return std::unexpected(zone.error());
  TicketKeyTable table(std::move(*zone));
  table.layout().lock.init();
  table.zone_.seal(ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout)));
  return table;
}

base::Result<TicketKeyTable> TicketKeyTable::open(Zone zone) {
  const auto wanted = ZoneHeader::fingerprint(kKind, kLayoutVersion, sizeof(Layout));
  if (auto checked = zone.check(wanted); !checked) return std::unexpected(checked.error());
  return TicketKeyTable(std::move(zone));
}

bool TicketKeyTable::is_old(std::uint64_t number, std::uint64_t now_ms, std::uint64_t age_ms_max) const {
  if (number == 0) return true;
  const std::uint64_t made_at_ms =
      layout().places[number % kPlaces].made_at_ms.load(std::memory_order_relaxed);
  return made_at_ms + age_ms_max < now_ms;
}

std::uint64_t TicketKeyTable::newest(std::uint64_t now_ms, std::uint64_t age_ms_max) {
  std::uint64_t number = layout().newest.load(std::memory_order_acquire);
  if (!is_old(number, now_ms, age_ms_max)) return number;
  // Nothing to repair: a key that is not whole is not the newest.
  layout().lock.lock(0, [](std::uint64_t) {});
  const LockHolder holder(layout().lock);
  number = layout().newest.load(std::memory_order_acquire);
  if (!is_old(number, now_ms, age_ms_max)) return number;
  make(++number, now_ms);
  layout().newest.store(number, std::memory_order_release);
  if (number > kKept) erase(number - kKept);
  return number;
}

void TicketKeyTable::make(std::uint64_t number, std::uint64_t now_ms) {
  Key key;
  fill_random(key);
  Place& place = layout().places[number % kPlaces];
  place.made_at_ms.store(now_ms, std::memory_order_relaxed);
  for (std::size_t i = 0; i < place.words.size(); ++i) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data() + i * sizeof word, sizeof word);
    place.words[i].store(word, std::memory_order_relaxed);
  }
}

void TicketKeyTable::erase(std::uint64_t number) {
  for (auto& word : layout().places[number % kPlaces].words) word.store(0, std::memory_order_relaxed);
}

bool TicketKeyTable::read(std::uint64_t number, Key& into) const {
  const Place& place = layout().places[number % kPlaces];
  for (std::size_t i = 0; i < place.words.size(); ++i) {
    const std::uint64_t word = place.words[i].load(std::memory_order_relaxed);
    std::memcpy(into.data() + i * sizeof word, &word, sizeof word);
  }
  // It may have been made old, and another put in its place, while it was read.
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::uint64_t newest = layout().newest.load(std::memory_order_relaxed);
  return number != 0 && number <= newest && newest - number < kKept;
}

}  // namespace apisix::memory
