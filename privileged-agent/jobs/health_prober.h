// HealthProber: the job that probes the nodes of all upstreams with health checks, once for the whole
// machine. It follows the configuration by itself; an upstream is checked from its first use on (the workers
// say so in the shared table), as in APISIX.
//
//   object with checks --plan--> wanted by a worker --checker--> object gone --> its targets are gone
//
// Of two agents, during a reload, the newer one probes. One that was killed is followed by one that goes on
// with the states in the table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "privileged-agent/jobs/health_checker.h"
#include "privileged-agent/store_feed.h"
#include "shared/memory/health_table.h"

namespace apisix::agent {

class HealthProber {
 public:
  struct Options {
    std::string store_prefix = "/apisix";
    std::string trusted_file;       // of HTTPS probes
    base::Keyring keyring;          // of private keys
    std::uint64_t agent = 0;        // identifies an agent; the newer has the larger
    std::size_t kept_max = 10'000;  // connections kept between probes
  };
  // All outlive it.
  HealthProber(event::Loop& loop, store::Store& store, memory::HealthTable& table,
               resolve::Resolver& resolver, base::Random& random, Options options);
  ~HealthProber();
  HealthProber(const HealthProber&) = delete;
  HealthProber& operator=(const HealthProber&) = delete;

 private:
  struct Planned {
    HealthPlan plan;
    std::unique_ptr<HealthChecker> checker;  // null: the upstream was not used yet
  };

  bool on_put(std::string_view kind, const store::Item& item);
  void on_erased(const std::string& key);
  void on_whole();
  void begin_wanted(const std::string& key, Planned& planned);
  void on_tick();
  void retire();
  void remove_strangers();

  memory::HealthTable& table_;
  const Options options_;
  ProbeTls tls_;
  ProbeDeps probes_;
  HealthChecker::Deps deps_;
  std::unordered_map<std::string, Planned> plans_;
  std::uint32_t seen_wants_ = 0;
  std::uint64_t strangers_at_ms_ = 0;
  bool is_whole_ = false;
  event::Timer tick_;
  std::optional<StoreFeed> feed_;
};

}  // namespace apisix::agent
