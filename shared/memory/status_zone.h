// StatusZone: one slot per living child, with its state and its counters. The master claims and reclaims
// slots; the child writes its own counters; all processes read. Totals of the dead are kept. Invariant: a
// counter of the whole instance never decreases when a worker crashes or a generation is retired.
//
//   kFree -> kStarting -> kReady -> kDraining -> kFree
//               ^------------ kGone <-'  (died; will be started again)
//
// While one binary replaces another, two masters claim and reclaim in the same zone.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "shared/memory/master_record.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

// The master has a slot too, so that all of an instance can be found while one binary replaces another.
enum class ChildRole : std::uint8_t { kWorker, kAgent, kMaster };
enum class ChildState : std::uint8_t { kFree, kStarting, kReady, kDraining, kGone };
// Where a worker has its configuration from; kPushed: PUT /apisix/admin/configs.
enum class ConfigSource : std::uint8_t { kUnknown, kLocal, kEtcd, kYaml, kJson, kPushed };
// Whether a worker reads and writes by io_uring (turn batches). kNotToBeHad: see the errno; kGivenUp: it
// did, until the kernel refused a call.
enum class IoUring : std::uint8_t { kUnknown, kOn, kOffByConfig, kOffByEnvironment, kNotToBeHad, kGivenUp };

std::string_view name_of(ChildRole role);       // "worker", "agent", "master"
std::string_view name_of(ChildState state);     // "Starting", "Ready", "Draining", "Gone"; "" when free
std::string_view name_of(ConfigSource source);  // "local", "etcd", ...; "" when unknown

// Only its owner writes a Tally, so that adding needs no locked instruction.
class Tally {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void subtract(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_;
};

struct ConnectionTallies {
  Tally accepted;  // client connections taken since the start
  Tally handled;   // of these, not refused for a limit
  Tally requests;  // requests begun
  Tally active;    // open client connections now; those that neither read nor write wait, idle
  Tally reading;   // a request head is coming in
  Tally writing;   // a request is being served
};

// Of TLS with clients.
struct HandshakeTallies {
  Tally completed;
  Tally resumed;  // of these, by a session of before
  Tally failed;
};

struct alignas(128) StatusSlot {
  std::atomic<ChildState> state;
  std::atomic<ChildRole> role;
  std::atomic<std::uint16_t> index;  // worker_index; 0 for the agent
  std::atomic<std::int32_t> pid;
  std::atomic<std::uint32_t> generation;
  std::atomic<std::uint64_t> started_at_ms;  // wall clock
  std::atomic<std::uint64_t> ready_at_ms;    // 0 = not yet
  std::atomic<std::uint32_t> deaths;         // in a row, of those who had this place before
  Tally applied_revision;                    // of the config store: what this child serves with; 0: no
                                             // configuration yet (no file, no push)
  Tally applied_at_ms;                       // wall clock: when that revision came into force
  Tally store_away_since_ms;                 // wall clock; 0 = the config store is reachable. Else: degraded
  std::atomic<ConfigSource> source;
  ConnectionTallies connections;
  HandshakeTallies handshakes;
  Tally beats;  // once a second from a timer of its loop: the master replaces a child whose loop stands still
  Tally held_body_bytes;      // bodies that a worker holds now, of at most nginx_config.http.held_bodies_size
  Tally certificates_ended;   // of `ssls`, as of the last look (once an hour)
  Tally certificates_ending;  // within 30 days
  std::atomic<IoUring> io_uring;
  std::atomic<std::int32_t> io_uring_errno;  // of kNotToBeHad
};

struct Totals {
  std::uint64_t accepted = 0;
  std::uint64_t handled = 0;
  std::uint64_t requests = 0;
  std::uint64_t active = 0;
  std::uint64_t reading = 0;
  std::uint64_t writing = 0;
  std::uint64_t waiting = 0;

  Totals& operator+=(const Totals& other);
};

// Of one process now.
Totals totals_of(const ConnectionTallies& tallies);

class StatusZone {
 public:
  // Two generations of the largest machine we know of, and their agents.
  static constexpr std::size_t kSlots = 1024;

  static base::Result<StatusZone> create();
  static base::Result<StatusZone> open(Zone zone);
  // That of a running master, to look at: nothing can be changed. kNotFound when it has none, kIo when it
  // cannot be opened (only root and the master's own user may).
  static base::Result<StatusZone> attach(std::int32_t master_pid);
  static constexpr const char* kName = "status";

  MasterRecord& master() { return layout().master; }
  const MasterRecord& master() const { return layout().master; }

  // Master only. Null when all slots are taken.
  StatusSlot* claim(ChildRole role, std::uint16_t index, std::uint32_t generation);
  // Master only, once the child is dead: keeps its totals and frees the slot.
  void reclaim(StatusSlot& slot);
  // Master only: the slots that a master which was killed left behind, to be reclaimed.
  std::vector<StatusSlot*> slots_of_the_dead() const;

  // All slots; skip those whose state is kFree.
  std::span<const StatusSlot> slots() const { return layout().slots; }
  // A slot's number: what a process is called in the other zones.
  std::size_t index_of(const StatusSlot& slot) const {
    return static_cast<std::size_t>(&slot - layout().slots);
  }
  const Zone& zone() const { return zone_; }
  // Of all workers now.
  std::uint64_t held_body_bytes() const;
  // Of all workers that live or lived, exact at one point in time with respect to reclaim().
  Totals totals() const;

 private:
  struct Layout {
    ZoneHeader zone;
    MasterRecord master;
    std::atomic<std::uint32_t> begun;  // differs from `ended` while reclaim() moves totals
    std::atomic<std::uint32_t> ended;
    std::atomic<std::uint64_t> accepted;  // of the dead
    std::atomic<std::uint64_t> handled;
    std::atomic<std::uint64_t> requests;
    StatusSlot slots[kSlots];
  };

  explicit StatusZone(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }
  Totals sum() const;

  Zone zone_;
};

}  // namespace apisix::memory
