// TicketKeyTable: the keys that TLS session tickets are sealed with, the same for all workers, over reloads
// and upgrades. A new one is made when the newest is old enough; the last kKept can still open tickets, older
// ones are erased, so that what was recorded long ago cannot be read with what is found here.
//
// Keys are made under a robust lock, in a place that no reader looks at, and become valid by one store.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "shared/memory/robust_lock.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

class TicketKeyTable {
 public:
  static constexpr const char* kZone = "tls-ticket-keys";
  static constexpr std::uint64_t kKept = 3;
  static constexpr std::size_t kKeyBytes = 80;  // name 16, cipher 32, mac 32
  using Key = std::array<unsigned char, kKeyBytes>;

  static base::Result<TicketKeyTable> create();
  static base::Result<TicketKeyTable> open(Zone zone);

  // The number of the newest key, 1 at least, which is no older than `age_ms_max`. Times are of the monotonic
  // clock.
  std::uint64_t newest(std::uint64_t now_ms, std::uint64_t age_ms_max);
  // Key `number`, of the last kKept. False: it is older.
  bool read(std::uint64_t number, Key& into) const;

  const Zone& zone() const { return zone_; }

 private:
  // One more than are kept: the next is made where none is read.
  static constexpr std::uint64_t kPlaces = kKept + 1;
  struct Place {
    std::array<std::atomic<std::uint64_t>, kKeyBytes / 8> words;
    std::atomic<std::uint64_t> made_at_ms;
  };
  struct Layout {
    ZoneHeader zone;
    RobustLock lock;
    std::atomic<std::uint64_t> newest;  // 0: none was made
    Place places[kPlaces];
  };

  explicit TicketKeyTable(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }
  bool is_old(std::uint64_t number, std::uint64_t now_ms, std::uint64_t age_ms_max) const;
  void make(std::uint64_t number, std::uint64_t now_ms);
  void erase(std::uint64_t number);

  Zone zone_;
};

}  // namespace apisix::memory
