// Picker: chooses one node of a set. The algorithms of this folder do no IO, read no clock and draw
// randomness only from the Random they are given.
//
// A picker is built over entries (index in the cluster + configured weight) and then updated with which of
// them are usable now; both may allocate. Invariant: pick() never does.
//
// Weight 0 is never chosen while an entry of a positive weight is usable; when all usable ones have weight 0
// they count as equal, as APISIX's round robin does (chash: none is chosen).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/random.h"
#include "worker/upstream/balance/node_load.h"
#include "worker/upstream/balance/tried_set.h"

namespace apisix::upstream {

using NodeIndex = std::uint32_t;
inline constexpr NodeIndex kNoNode = ~NodeIndex{0};

struct PickerEntry {
  NodeIndex index = 0;  // ascending within one picker
  std::uint32_t weight = 1;
  std::int32_t priority = 0;
  std::string ring_id;  // "host:port": what chash hashes
  base::Ref<NodeLoad> load;
};

struct PickInput {
  std::string_view hash_key = {};   // chash only
  const TriedSet* tried = nullptr;  // not chosen again
  std::uint64_t now_us = 0;         // monotonic; ewma only
};

struct PickOutcome {
  bool failed = false;           // no response came: a retry follows or the request failed
  std::uint64_t latency_us = 0;  // connect + response time
  std::uint64_t now_us = 0;      // monotonic
};

class Picker {
 public:
  virtual ~Picker() = default;

  // `usable[index]` for every index of the cluster. Until it is called all entries are usable.
  virtual void set_usable(std::span<const std::uint8_t> usable) = 0;
  // An entry that is usable and not tried, or kNoNode.
  virtual NodeIndex pick(const PickInput& input) = 0;
  // What pick() would return now; moves nothing.
  virtual NodeIndex peek(const PickInput& input) const = 0;
  // The callback for each node that pick() returned, once, at the end of its exchange.
  virtual void after(NodeIndex index, const PickOutcome& outcome) {}
};

enum class Balancer : unsigned char { kRoundRobin, kChash, kLeastConn, kEwma, kRandom };

// APISIX's `type`: roundrobin, chash, least_conn, ewma; and "random" of our own.
std::optional<Balancer> parse_balancer(std::string_view type);
std::string_view name_of(Balancer balancer);

// Entries of several priorities give a picker that goes to the next lower level only when no entry of
// the current one is left to try.
std::unique_ptr<Picker> make_picker(Balancer kind, std::vector<PickerEntry> entries, base::Random& random);

}  // namespace apisix::upstream
