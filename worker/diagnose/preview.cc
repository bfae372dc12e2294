#include "worker/diagnose/preview.h"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "shared/async/time_slice.h"
#include "shared/resource/fields.h"
#include "worker/config/registry.h"
#include "worker/diagnose/neighbours.h"
#include "worker/diagnose/object_checks.h"
#include "worker/diagnose/shadows.h"

namespace apisix::diagnose {
namespace {

using format::Json;
using resource::Kind;

constexpr std::uint64_t kNewest = UINT64_MAX;

class Preview {
 public:
  Preview(event::Loop& loop, config::Registry& registry, base::Keyring keyring,
          std::vector<Proposal> proposals)
      : registry_(registry),
        keyring_(std::move(keyring)),
        proposals_(std::move(proposals)),
        slice_(loop),
        now_s_(loop.clock().wall_seconds()) {}

  async::Task<Json> make() {
    for (const Proposal& proposal : proposals_) {
      if (slice_.is_over()) co_await slice_.pause();
      if (proposal.key.kind == Kind::kRoute) changed_.insert(proposal.key.id);
      if (proposal.value.isObject()) check(proposal);
    }
    if (!routes_.empty()) co_await find_shadows();
    co_return findings_.to_json();
  }

 private:
  struct ProposedRoute {
    route::RouteEntry entry;
    std::string conditions;
  };
  // Which routes are covered, and whether they are as a whole.
  using Covered = std::unordered_map<std::string, bool>;

  void check(const Proposal& proposal) {
    const auto& [kind, id] = proposal.key;
    ObjectChecks{registry_.plugins(), keyring_, now_s_, findings_}.check(kind, id, proposal.value);
    if (kind == Kind::kRoute) check_route(id, proposal.value);
  }

  void check_route(const std::string& id, const Json& value) {
    const std::string service_id = resource::id_field(value, "service_id");
    const std::optional<Json> service = service_id.empty() ? std::nullopt : find_service(service_id);
    if (!has_responder(value) && (service_id.empty() || (service && !has_responder(*service)))) {
      findings_.add(route_without_upstream(id));
    }
    if (!route::is_enabled(value)) return;
    auto entry = route::RouteEntry::from_json(id, value, service ? &*service : nullptr);
    if (!entry) return;
    check_uris(registry_.options().router_kind, *entry, findings_);
    entry->sequence = sequence_of(id);
    routes_.push_back({std::move(*entry), conditions_of(value)});
  }

  std::optional<Json> find_service(const std::string& id) const {
    for (const Proposal& proposal : proposals_) {
      if (proposal.key.kind != Kind::kService || proposal.key.id != id) continue;
      return proposal.value.isObject() ? std::optional(proposal.value) : std::nullopt;
    }
    const auto object = registry_.find_in_force("services", id);
    if (!object) return std::nullopt;
    auto value = format::parse_json(object->value);
    return value ? std::optional(std::move(*value)) : std::nullopt;
  }

  std::uint64_t sequence_of(const std::string& id) const {
    const auto object = registry_.find_in_force("routes", id);
    return object ? static_cast<std::uint64_t>(object->create_revision) : kNewest;
  }

  // Only routes that stand beside a proposed one can be covered because of it; what else covers them stands
  // beside themselves.
  async::Task<void> find_shadows() {
    config::IdWalk walk;
    while (registry_.walk_ids("routes", walk)) {
      if (slice_.is_over()) co_await slice_.pause();
    }
    Neighbours neighbours(registry_.options().router_kind);
    for (const ProposedRoute& route : routes_) neighbours.add(route.entry);
    const std::vector<std::string> beside = co_await touching(neighbours, walk.ids);
    bool has_more = false;
    for (const std::string& id : beside) {
      if (slice_.is_over()) co_await slice_.pause();
      const route::RouteEntry* entry = registry_.routes().find_entry(id);
      if (entry != nullptr) has_more |= neighbours.add(*entry);
    }
    const std::vector<std::string> all = has_more ? co_await touching(neighbours, walk.ids) : beside;
    const Covered before = co_await covered_before(all);
    const std::unordered_set<std::string> reported(beside.begin(), beside.end());
    Shadows after(registry_.options().router_kind);
    co_await add_in_force(after, all, false);
    for (const ProposedRoute& route : routes_) after.add(route.entry, route.conditions);
    co_await run(after);
    for (const Shadows::Shadow& shadow : after.take()) {
      const auto was = before.find(shadow.id);
      const bool is_new = was == before.end() || (shadow.is_whole && !was->second);
      const bool is_asked = changed_.contains(shadow.id);
      if (is_asked || (is_new && reported.contains(shadow.id))) findings_.add(shadow.finding());
    }
  }

  async::Task<std::vector<std::string>> touching(const Neighbours& neighbours,
                                                 const std::vector<std::string>& ids) {
    std::vector<std::string> out;
    for (const std::string& id : ids) {
      if (slice_.is_over()) co_await slice_.pause();
      const route::RouteEntry* entry = registry_.routes().find_entry(id);
      if (entry != nullptr && neighbours.touches(*entry)) out.push_back(id);
    }
    co_return out;
  }

  async::Task<Covered> covered_before(const std::vector<std::string>& ids) {
    Shadows shadows(registry_.options().router_kind);
    co_await add_in_force(shadows, ids, true);
    co_await run(shadows);
    Covered out;
    for (const Shadows::Shadow& shadow : shadows.take()) out.emplace(shadow.id, shadow.is_whole);
    co_return out;
  }

  async::Task<void> add_in_force(Shadows& shadows, const std::vector<std::string>& ids, bool with_changed) {
    for (const std::string& id : ids) {
      if (slice_.is_over()) co_await slice_.pause();
      const route::RouteEntry* entry = registry_.routes().find_entry(id);
      if (entry == nullptr || (!with_changed && changed_.contains(id))) continue;
      shadows.add(*entry, conditions_in_force(*entry));
    }
  }

  std::string conditions_in_force(const route::RouteEntry& entry) const {
    if (entry.vars == nullptr && entry.remote_addrs.empty() && !entry.filter) return "";
    const auto object = registry_.find_in_force("routes", entry.id);
    const auto value = format::parse_json(object->value);  // it was parsed before
    return conditions_of(*value);
  }

  async::Task<void> run(Shadows& shadows) {
    while (shadows.step()) {
      if (slice_.is_over()) co_await slice_.pause();
    }
  }

  config::Registry& registry_;
  const base::Keyring keyring_;
  const std::vector<Proposal> proposals_;
  async::TimeSlice slice_;
  const std::int64_t now_s_;
  Findings findings_;
  std::unordered_set<std::string> changed_;  // ids of routes
  std::vector<ProposedRoute> routes_;
};

}  // namespace

async::Task<Json> preview(event::Loop& loop, config::Registry& registry, base::Keyring keyring,
                          std::vector<Proposal> proposals) {
  Preview preview(loop, registry, std::move(keyring), std::move(proposals));
  auto out = co_await preview.make();
  co_return out;
}

}  // namespace apisix::diagnose
