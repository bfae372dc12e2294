// HealthChecker: the checks of one upstream: its targets in the shared table, and when each of them is
// probed. Owned by the HealthProber. When the plan changes only the difference counts: a target that stays
// keeps its state, and one that is gone is gone at once.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "privileged-agent/jobs/health_plan.h"
#include "privileged-agent/jobs/probe.h"
#include "shared/base/list.h"
#include "shared/base/random.h"
#include "shared/memory/health_table.h"
#include "shared/resolve/resolver.h"

namespace apisix::agent {

class HealthChecker {
 public:
  // All outlive it.
  struct Deps {
    ProbeDeps& probes;
    memory::HealthTable& table;
    resolve::Resolver& resolver;
    base::Random& random;
  };
  // `name`: the store's key of what has the upstream in it.
  HealthChecker(const Deps& deps, std::string name, memory::HealthTable::Ref checker);
  // Leaves the table as it is.
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  void set_plan(const HealthPlan& plan);
  // Now and then: follows what others did to the table, and what became of names.
  void refresh();
  // The table has lost it: it has to be made again when it is wanted.
  bool is_lost() const { return deps_.table.version(checker_) == 0; }
  memory::HealthTable::Ref ref() const { return checker_; }

 private:
  using Key = std::tuple<std::array<std::uint8_t, 16>, std::uint16_t, std::string>;  // ip, port, name
  struct Target;
  struct Wanted {
    ProbePlan probe;
    std::string name;  // of the node, when it is one
    std::uint32_t place = 0;
  };

  std::map<Key, Wanted> wanted_targets();
  void reconcile();
  void remove_strangers();
  void schedule_first(Target& target);
  void set_load(Target& target);
  void schedule(Target& target);
  std::uint64_t interval_of(const Target& target) const;
  void begin(Target& target);
  void begin_waiting();
  void on_outcome(Target& target, const ProbeOutcome& outcome);
  void report(Target& target, memory::HealthEvent event, std::uint8_t limit);
  bool is_usable(const Target& target) const;
  std::uint64_t statuses() const;

  const Deps deps_;
  const std::string name_;
  memory::HealthTable::Ref checker_;
  HealthPlan plan_;
  std::vector<base::Ref<resolve::ResolvedHost>> names_;  // of the plan's nodes
  std::uint64_t names_generation_ = 0;
  base::List<Target> waiting_;  // targets, the longest due first
  std::map<Key, std::unique_ptr<Target>> targets_;
  std::uint32_t under_way_ = 0;
  bool is_full_reported_ = false;
  // What was seen at the last look.
  std::uint64_t seen_version_ = 0;
  std::uint64_t seen_statuses_ = 0;
  std::uint64_t seen_ms_ = 0;
};

}  // namespace apisix::agent
