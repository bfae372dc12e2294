// ConcurrencyLimit: so many requests at a time, as limit-conn defines it: above `conn` they wait, above `conn
// + burst` they are refused. Each request in flight holds a lease, which end() gives back whatever became of
// the request.
//
// A lease cannot be lost for long: those in shared memory are in the ledger of the worker that took them,
// which the master returns when the worker is dead; those in redis end by themselves after `key_ttl` seconds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/client/redis_service.h"
#include "shared/memory/lease_table.h"
#include "worker/plugin/plugin.h"
#include "worker/plugins/limit/limit_number.h"
#include "worker/plugins/limit/limiter.h"

namespace apisix::plugins {

class ConcurrencyLimit final : private Limiter {
 public:
  static base::Result<std::unique_ptr<ConcurrencyLimit>> make(const plugin::Conf& conf,
                                                              const plugin::BuildContext& context,
                                                              memory::LeaseTable& leases);

  // In access. Rejects the request when too many are in flight.
  plugin::Step begin(plugin::Request& request);
  // In log. A request that took no lease has none to give back.
  void end(plugin::Request& request);

 private:
  struct Rule {
    RuleKey key;
    LimitNumber conn;
    LimitNumber burst;
  };
  // A rule as it is for one request.
  struct Applied {
    std::string_view key;  // of the counter
    std::int64_t conn = 0;
    std::int64_t burst = 0;
  };
  // What a request holds; in its arena.
  struct Held {
    memory::LeaseTable::Lease lease;
    std::string_view redis_key;  // empty: a local lease
    std::string_view member;
    Held* next = nullptr;
  };
  struct State {
    Held* first = nullptr;
  };

  ConcurrencyLimit(const plugin::Conf& conf, const plugin::BuildContext& context, memory::LeaseTable& leases,
                   base::Ref<client::RedisService> redis);
  void add_rule(const plugin::Conf& conf, bool is_only);
  base::Result<std::size_t> apply_all(plugin::Request& request, Applied* applied) const;

  plugin::Step wait_for_rest(plugin::Request& request, const Applied* applied, std::size_t count,
                             std::uint64_t delay_ms);
  plugin::Step begin_by_redis(plugin::Request& request, const Applied* applied, std::size_t count);
  // The rejection, or the delay.
  std::optional<plugin::Outcome> take(plugin::Request& request, const Applied& applied,
                                      std::uint64_t& delay_ms);
  async::Task<base::Result<std::int64_t>> take_in_redis(plugin::Request& request, const Applied& applied);
  std::uint64_t delay_ms_of(const Applied& applied, std::int64_t in_flight) const;
  Held& hold(plugin::Request& request);
  plugin::Outcome fail(plugin::Request& request, std::string_view what) const;

  plugin::Deps& deps_;
  std::vector<Rule> rules_;
  memory::LeaseTable& leases_;
  const base::Ref<client::RedisService> redis_;  // null: local
  const double default_delay_s_;
  std::int64_t lease_ttl_s_ = 3600;
};

}  // namespace apisix::plugins
