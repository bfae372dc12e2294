#include "shared/memory/zones.h"

#include <utility>

#include "shared/memory/traffic.h"

namespace apisix::memory {
namespace {

constexpr std::int64_t kBytesDefault = 10 << 20;
constexpr std::size_t kLeaseOwnersMin = 64;
// About 3,000 routes and upstreams with 24 workers, and 12,000 with one.
constexpr std::size_t kTrafficBytes = 64 << 20;

// Makes or inherits one zone after the other; after the first failure it only passes the error on.
class Maker {
 public:
  Maker(const ZonePlan& plan, const InheritedZones& inherited, std::vector<std::string>& notes)
      : plan_(plan), inherited_(inherited), notes_(notes) {}

  // `size_of`: the name that the configuration knows it by.
  template <typename Table, typename... Args>
  base::Result<Table> make(const std::string& name, const std::string& size_of, Args... args) {
    if (auto kept = keep<Table>(name)) return std::move(*kept);
    return Table::create(name, bytes(size_of), args...);
  }
  base::Result<StatusZone> make_status() {
    if (auto kept = keep<StatusZone>("status")) return std::move(*kept);
    has_owners_ = false;
    return StatusZone::create();
  }
  // What knows its owners by their slots of the status zone. Without that zone their numbers are given away
  // again while the processes of the old master still use them.
  template <typename Table, typename... Args>
  base::Result<Table> make_owned(const std::string& name, const std::string& size_of, Args... args) {
    return has_owners_ ? make<Table>(name, size_of, args...) : Table::create(name, bytes(size_of), args...);
  }

  base::Result<SessionTable> make_sessions() {
    if (auto kept = keep<SessionTable>(SessionTable::kZone)) return std::move(*kept);
    return SessionTable::create(SessionTable::kZone, SessionTable::kBytesDefault);
  }
  base::Result<std::map<std::string, ScriptDict>> make_scripts() {
    std::map<std::string, ScriptDict> out;
    for (const std::string& name : plan_.scripts) {
      auto dict = make<ScriptDict>("lua-" + name, name);
      if (!dict) return std::unexpected(dict.error());
      out.emplace(name, std::move(*dict));
    }
    return out;
  }
  base::Result<TicketKeyTable> make_ticket_keys() {
    if (auto kept = keep<TicketKeyTable>(TicketKeyTable::kZone)) return std::move(*kept);
    return TicketKeyTable::create();
  }

  base::Result<MetricZone> make_traffic() {
    if (auto kept = has_owners_ ? keep<MetricZone>(kTrafficZone) : std::nullopt) return std::move(*kept);
    return MetricZone::create(kTrafficZone, kTrafficBytes, writers());
  }

  // Twice as many processes as there are workers live during a reload, more when old ones drain for long.
  std::size_t lease_owners() const { return std::max(kLeaseOwnersMin, 4 * plan_.workers); }
  std::size_t writers() const { return plan_.workers + 1; }

 private:
  template <typename Table>
  std::optional<Table> keep(const std::string& name) {
    const int fd = inherited_ ? inherited_(name) : -1;
    if (fd < 0) return std::nullopt;
    auto zone = Zone::open(name, base::UniqueFd(fd));
    auto table = zone ? Table::open(std::move(*zone)) : std::unexpected(zone.error());
    if (table) return std::move(*table);
    notes_.push_back(table.error().what + "; it starts empty");
    return std::nullopt;
  }
  std::size_t bytes(const std::string& name) const {
    const auto found = plan_.bytes.find(name);
    return static_cast<std::size_t>(found == plan_.bytes.end() ? kBytesDefault : found->second);
  }

  const ZonePlan& plan_;
  const InheritedZones& inherited_;
  std::vector<std::string>& notes_;
  bool has_owners_ = true;
};

// The first error among several results.
template <typename... Results>
base::Status all_of(const Results&... results) {
  base::Status status;
  const auto check = [&status](const auto& result) {
    if (status && !result) status = std::unexpected(result.error());
  };
  (check(results), ...);
  return status;
}

}  // namespace

base::Result<Zones> Zones::create(const ZonePlan& plan) {
  std::vector<std::string> notes;
  return open(plan, {}, notes);
}

base::Result<Zones> Zones::open(const ZonePlan& plan, const InheritedZones& inherited,
                                std::vector<std::string>& notes) {
  Maker maker(plan, inherited, notes);
  const auto dictionary = [&maker](const std::string& name) { return maker.make<Dictionary>(name, name); };
  const auto windows = [&maker](const std::string& name) {
    return maker.make<WindowTable>(name + "-windows", name);
  };
  const auto leases = [&maker](const std::string& name) {
    return maker.make_owned<LeaseTable>(name, name, maker.lease_owners());
  };
  auto status = maker.make_status();
  auto count = dictionary("plugin-limit-count");
  auto graphql = dictionary("plugin-graphql-limit-count");
  auto ai = dictionary("plugin-ai-rate-limiting");
  auto breaker = dictionary("plugin-api-breaker");
  auto internal = dictionary("internal-status");
  auto count_windows = windows("plugin-limit-count");
  auto graphql_windows = windows("plugin-graphql-limit-count");
  auto ai_windows = windows("plugin-ai-rate-limiting");
  auto req = maker.make<RateTable>("plugin-limit-req", "plugin-limit-req");
  auto conn = leases("plugin-limit-conn");
  auto conn_stream = leases("plugin-limit-conn-stream");
  auto metrics = maker.make_owned<MetricZone>("prometheus-metrics", "prometheus-metrics", maker.writers());
  auto health = maker.make<HealthTable>(HealthTable::kZone, HealthTable::kZone);
  auto sessions = maker.make_sessions();
  auto ticket_keys = maker.make_ticket_keys();
  auto traffic = maker.make_traffic();
  auto scripts = maker.make_scripts();
  if (auto all =
          all_of(status, count, graphql, ai, breaker, internal, count_windows, graphql_windows, ai_windows,
                 req, conn, conn_stream, metrics, health, sessions, ticket_keys, traffic, scripts);
      !all) {
    return std::unexpected(all.error());
  }
  return Zones{.status = std::move(*status),
               .limit_count = std::move(*count),
               .graphql_limit_count = std::move(*graphql),
               .ai_rate_limiting = std::move(*ai),
               .api_breaker = std::move(*breaker),
               .internal_status = std::move(*internal),
               .limit_count_windows = std::move(*count_windows),
               .graphql_limit_count_windows = std::move(*graphql_windows),
               .ai_rate_limiting_windows = std::move(*ai_windows),
               .limit_req = std::move(*req),
               .limit_conn = std::move(*conn),
               .limit_conn_stream = std::move(*conn_stream),
               .metrics = std::move(*metrics),
               .health = std::move(*health),
               .tls_sessions = std::move(*sessions),
               .tls_ticket_keys = std::move(*ticket_keys),
               .scripts = std::move(*scripts),
               .traffic = std::move(*traffic)};
}

std::vector<ZoneHandle> Zones::handles() const {
  std::vector<ZoneHandle> out;
  for (const Zone* zone :
       {&status.zone(), &limit_count.zone(), &graphql_limit_count.zone(), &ai_rate_limiting.zone(),
        &api_breaker.zone(), &internal_status.zone(), &limit_count_windows.zone(),
        &graphql_limit_count_windows.zone(), &ai_rate_limiting_windows.zone(), &limit_req.zone(),
        &limit_conn.zone(), &limit_conn_stream.zone(), &metrics.zone(), &health.zone(), &tls_sessions.zone(),
        &tls_ticket_keys.zone(), &traffic.zone()}) {
    out.push_back({zone->name(), zone->fd()});
  }
  for (const auto& [name, dict] : scripts) out.push_back({dict.zone().name(), dict.zone().fd()});
  return out;
}

// The slot last: until then no child can claim it.
void Zones::reclaim(StatusSlot& slot) {
  const std::size_t owner = owner_of(slot);
  limit_conn.return_all(owner);
  limit_conn_stream.return_all(owner);
  metrics.reclaim(owner);
  traffic.reclaim(owner);
  status.reclaim(slot);
}

}  // namespace apisix::memory
