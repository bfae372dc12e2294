// HealthTable: which nodes are healthy, for all workers. One checker per upstream that has `checks`, one
// target per node of it.
//
//   worker   want(): the upstream is in use, check it; reads versions and states; reports what it sees of
//   real
//            responses
//   agent    adds and removes the targets, probes them and reports
//
// A target's state is one word that is changed by compare-and-swap, so a killed process leaves nothing half
// done. The process that changes a node's health bumps its checker's version, the only word that a
// worker reads per request.
// Places are made and freed under a robust lock; a Ref to one that was freed notices.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/sip_hash.h"
#include "shared/memory/health_state.h"
#include "shared/memory/robust_lock.h"
#include "shared/memory/shared_index.h"
#include "shared/memory/zone.h"

namespace apisix::memory {

class HealthTable {
 public:
  static constexpr std::size_t kNameBytesMax = 200;  // of a checker
  static constexpr std::size_t kNodeBytesMax = 255;  // of a target; what is shown of a longer one is cut

  static base::Result<HealthTable> create(const std::string& name, std::size_t bytes);
  static base::Result<HealthTable> open(Zone zone);
  // That of a running master, to look at: only what is const may be called. Errors of Zone::attach().
  static base::Result<HealthTable> attach(std::int32_t master_pid);
  static constexpr const char* kZone = "upstream-healthcheck";

  // A place, and its life number when it was found.
  struct Ref {
    std::uint32_t id = kNone;
    std::uint32_t life = 0;
    explicit operator bool() const { return id != kNone; }
  };

  // --- checkers; `name` is the store's key of what has the upstream in it: "/apisix/routes/1"
  // Makes the checker if it is not there, and marks it as used. No Ref when the table is full.
  Ref want(std::string_view name);
  Ref find_checker(std::string_view name);
  bool is_wanted(const Ref& checker) const;
  // Changes when a target turns, comes or goes; 0 when the Ref is to be found again.
  std::uint64_t version(const Ref& checker) const;
  // Changes whenever any checker is wanted for the first time.
  std::uint32_t wants() const;
  // Agent only: with all its targets.
  void remove_checker(const Ref& checker);
  // Agent only: what is shown as the hostname of its targets; "" = the node.
  void describe(const Ref& checker, std::string_view host);
  // Agent only: makes all workers look again.
  void bump(const Ref& checker);

  // All of them; names that are too long are cut.
  std::vector<std::pair<std::string, Ref>> checkers() const;

  // --- targets
  struct TargetId {
    base::IpAddress ip;
    std::uint16_t port = 0;
    std::string_view node;  // the node's name, when it is one: "api.example.com"
  };
  struct Target {
    base::IpAddress ip;
    std::uint16_t port = 0;
    std::string node;
    std::string hostname;  // for display: checks.active.host, else the node
    HealthState state;
    Ref ref;
  };
  Ref find_target(const Ref& checker, const TargetId& id);
  // Healthy when the Ref is to be found again.
  std::optional<HealthState> state(const Ref& target) const;
  struct Report {
    HealthState before;
    HealthState after;
    bool counted = false;
    bool turned() const { return is_usable(before.status) != is_usable(after.status); }
  };
  Report report(const Ref& checker, const Ref& target, HealthEvent event, std::uint8_t limit);
  // Agent only. One that is there keeps its state. `place` orders targets(). No Ref when the table is full.
  Ref add_target(const Ref& checker, const TargetId& id, std::uint32_t place);
  void remove_target(const Ref& checker, const Ref& target);
  // Those of one checker, by place.
  std::vector<Target> targets(const Ref& checker) const;
  // Those of all checkers, each with its checker's name; by checker and place.
  std::vector<std::pair<std::string, Target>> all_targets() const;

  // --- probers: the newest agent is the one that probes
  void claim_probing(std::uint64_t agent);
  bool is_prober(std::uint64_t agent) const;

  struct Stats {
    std::size_t checkers = 0;
    std::size_t targets = 0;
    std::size_t targets_max = 0;
  };
  Stats stats() const;
  const Zone& zone() const { return zone_; }

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  struct Layout;
  struct Checker;
  struct TargetSlot;
  struct Places;

  explicit HealthTable(Zone zone) : zone_(std::move(zone)) {}
  Layout& layout() const { return *static_cast<Layout*>(zone_.data()); }
  Checker& checker(std::uint32_t id) const;
  TargetSlot& target(std::uint32_t id) const;
  SharedIndex checker_index() const;
  SharedIndex target_index() const;
  base::Hash128 checker_key(std::string_view name) const;
  base::Hash128 target_key(const Checker& checker, const TargetId& id) const;
  void lock_directory();
  void rebuild_checker_index();
  void rebuild_target_index();
  Ref find_checker_locked(const base::Hash128& key) const;
  Ref add_checker_locked(std::string_view name, const base::Hash128& key);
  Ref find_target_locked(const base::Hash128& key) const;
  void free_target_locked(std::uint32_t id);
  Target read_target(const Checker& owner, std::uint32_t id) const;

  Zone zone_;
};

}  // namespace apisix::memory
