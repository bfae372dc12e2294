// ScriptDict: a dictionary of scripts (ngx.shared.NAME), for all processes: texts, numbers, booleans and
// lists under keys, with ends, least recently used entries making room.
//
// One robust lock for all of it. Entries are blocks of a size class (powers of two), linked by offsets. What
// a process that died under the lock left half done is not repaired: the dictionary then starts empty, which
// a cache may.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/memory/zone.h"

namespace apisix::memory {

class ScriptDict {
 public:
  enum class Type : std::uint8_t { kBoolean = 1, kNumber = 3, kText = 4, kList = 5 };
  enum class Put : std::uint8_t { kAlways, kIfMissing, kIfThere };
  enum class Fault : std::uint8_t { kNone, kNoMemory, kExists, kNotFound, kWrongType };

  // A number has the 8 bytes of a double, a boolean one byte.
  struct Value {
    Type type = Type::kText;
    std::string bytes;
    std::uint32_t flags = 0;
    bool is_stale = false;
  };
  struct Outcome {
    Fault fault = Fault::kNone;
    bool has_evicted = false;  // entries that had not ended made room
  };

  // At least kBytesMin; smaller ones are that large.
  static constexpr std::size_t kBytesMin = 12 * 1024;
  static base::Result<ScriptDict> create(const std::string& name, std::size_t bytes);
  static base::Result<ScriptDict> open(Zone zone);

  // Times are of the monotonic clock, in milliseconds. `with_stale`: also what has ended and not made room
  // yet.
  std::optional<Value> get(std::string_view key, std::uint64_t now_ms, bool with_stale = false);
  // `ends_ms` 0: never. `evicts`: others make room, else kNoMemory.
  Outcome put(std::string_view key, const Value& value, std::uint64_t ends_ms, std::uint64_t now_ms, Put when,
              bool evicts);
  bool remove(std::string_view key);
  // The number under the key plus `by`; a missing one is `init` first, and ends `init_ttl_ms` (0: never) from
  // now.
  Outcome increase(std::string_view key, double by, std::optional<double> init, std::uint64_t init_ttl_ms,
                   std::uint64_t now_ms, double& result);
  // Lists: the count behind it, or what was taken.
  Outcome push(std::string_view key, const Value& value, bool at_front, std::uint64_t now_ms,
               std::size_t& count);
  Outcome pop(std::string_view key, bool at_front, std::uint64_t now_ms, std::optional<Value>& value);
  Outcome length(std::string_view key, std::uint64_t now_ms, std::size_t& count);

  // Milliseconds left; 0: it never ends; nothing: it is not there.
  std::optional<std::uint64_t> ttl(std::string_view key, std::uint64_t now_ms);
  bool expire(std::string_view key, std::uint64_t ends_ms, std::uint64_t now_ms);
  // All entries have ended.
  void flush_all(std::uint64_t now_ms);
  // Frees at most so many ended entries; 0: all of them.
  std::size_t flush_expired(std::size_t max, std::uint64_t now_ms);
  std::vector<std::string> keys(std::size_t max, std::uint64_t now_ms);
  std::size_t capacity() const { return zone_.bytes(); }
  // Of pages that were never used.
  std::size_t free_bytes();

  const Zone& zone() const { return zone_; }

 private:
  struct Layout;
  struct Entry;
  class Locked;

  explicit ScriptDict(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }

  Zone zone_;
};

}  // namespace apisix::memory
