// SessionTable: TLS sessions by their ids, for all workers, so that a client resumes its session with
// whichever of them it meets. Fixed slots of two sizes in buckets: what is new takes the place of what ends
// first.
//
// No lock: a slot is right when its checksum is, which covers the id, the length and the end too. What a
// process that was killed left half written, or two wrote at once, is not found, and is overwritten later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shared/base/sip_hash.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

class SessionTable {
 public:
  static constexpr const char* kZone = "tls-sessions";
  // That of APISIX's ssl_session_cache: 52,000 sessions, and 1,200 with certificates of clients.
  static constexpr std::size_t kBytesDefault = 20 << 20;
  static constexpr std::size_t kSessionBytesMax = 4064;

  static base::Result<SessionTable> create(const std::string& name, std::size_t bytes);
  static base::Result<SessionTable> open(Zone zone);

  // A session that is longer than kSessionBytesMax is not kept. Times are of the monotonic clock.
  void put(std::string_view id, std::string_view session, std::uint64_t now_s, std::uint64_t ends_at_s);
  // How many bytes of `into` it has, which has room for the longest; 0: there is none.
  std::size_t find(std::string_view id, std::span<char> into, std::uint64_t now_s) const;
  void remove(std::string_view id);

  const Zone& zone() const { return zone_; }

 private:
  struct Layout;
  struct Record;
  class Slots;

  explicit SessionTable(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }
  base::Hash128 hash(std::string_view id) const;
  Slots small() const;
  Slots large() const;

  Zone zone_;
};

}  // namespace apisix::memory
