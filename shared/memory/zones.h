// Zones: all the shared memory of an instance. Made by the master before the first fork; children get it in
// their context. It lives as long as the instance: counters survive crashes, reloads, and the upgrade to a
// new binary, which opens what it inherits by the zones' names. A zone keeps the size that it was made with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "shared/memory/dictionary.h"
#include "shared/memory/health_table.h"
#include "shared/memory/lease_table.h"
#include "shared/memory/metric_zone.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/script_dict.h"
#include "shared/memory/session_table.h"
#include "shared/memory/status_zone.h"
#include "shared/memory/ticket_key_table.h"
#include "shared/memory/window_table.h"

namespace apisix::memory {

// How large to make them.
struct ZonePlan {
  // Sizes in bytes by the names of nginx_config.*.lua_shared_dict.
  std::map<std::string, std::int64_t> bytes;
  std::size_t workers = 1;
  // Names of `bytes` that scripts get a dictionary of: each costs a descriptor.
  std::set<std::string> scripts = {};
};

// A zone as it is handed to a new binary: the descriptor is the zone's own.
struct ZoneHandle {
  std::string name;
  int fd = -1;
};
// Gives an inherited descriptor away: -1 when there is none of that name.
using InheritedZones = std::function<int(const std::string& name)>;

struct Zones {
  StatusZone status;

  Dictionary limit_count;          // plugin-limit-count
  Dictionary graphql_limit_count;  // plugin-graphql-limit-count
  Dictionary ai_rate_limiting;     // plugin-ai-rate-limiting
  Dictionary api_breaker;          // plugin-api-breaker
  Dictionary internal_status;      // internal-status
  // Of window_type "sliding"; as large as the dictionary of the same plugin.
  WindowTable limit_count_windows;
  WindowTable graphql_limit_count_windows;
  WindowTable ai_rate_limiting_windows;
  RateTable limit_req;           // plugin-limit-req
  LeaseTable limit_conn;         // plugin-limit-conn
  LeaseTable limit_conn_stream;  // plugin-limit-conn-stream
  MetricZone metrics;            // prometheus-metrics
  HealthTable health;            // upstream-healthcheck
  SessionTable tls_sessions;     // of clients; its size is APISIX's, which no key changes
  TicketKeyTable tls_ticket_keys;
  // Dictionaries of scripts, by name: ngx.shared.NAME.
  std::map<std::string, ScriptDict> scripts;
  MetricZone traffic;  // traffic: of traffic.h, no name in config.yaml

  static base::Result<Zones> create(const ZonePlan& plan);
  // What cannot be inherited, or has another layout, is made anew; `note` gets a line for each.
  static base::Result<Zones> open(const ZonePlan& plan, const InheritedZones& inherited,
                                  std::vector<std::string>& notes);
  std::vector<ZoneHandle> handles() const;

  // Who this process is in leases and metrics.
  std::size_t owner_of(const StatusSlot& slot) const { return status.index_of(slot); }
  // Master only, once the child of `slot` is dead: its leases are returned, its counts are kept.
  void reclaim(StatusSlot& slot);
};

}  // namespace apisix::memory
