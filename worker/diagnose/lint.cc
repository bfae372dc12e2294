#include "worker/diagnose/lint.h"

#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "shared/async/time_slice.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/resource/fields.h"
#include "shared/settings/load.h"
#include "worker/config/registry.h"
#include "worker/diagnose/object_checks.h"
#include "worker/diagnose/server_names.h"
#include "worker/diagnose/shadows.h"
#include "worker/diagnose/usage_table.h"

namespace apisix::diagnose {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

constexpr std::string_view kCredentials = "/credentials/";

// What there is little of, or what others name: read as a whole, before routes and consumers. What this
// worker does not keep as text comes from the store.
struct Source {
  Kind kind;
  bool is_in_force;  // the registry has it
};
constexpr Source kSources[] = {{Kind::kProto, false},        {Kind::kSsl, true},
                               {Kind::kUpstream, true},      {Kind::kService, true},
                               {Kind::kPluginConfig, false}, {Kind::kConsumerGroup, false},
                               {Kind::kGlobalRule, false},   {Kind::kPluginMetadata, false},
                               {Kind::kStreamRoute, true}};

// What clients trust: as far as this machine knows. A file of 200 KiB.
std::optional<net::TlsTrust> read_roots(const settings::Settings& settings) {
  const auto path = settings::trusted_certificate_path(settings);
  if (!path) return std::nullopt;
  const auto text = base::read_file(*path);
  if (!text) return std::nullopt;
  auto roots = net::TlsTrust::from_pem(*text);
  if (!roots) return std::nullopt;
  return std::move(*roots);
}

// One run, held by the coroutine that makes it.
class Run {
 public:
  Run(event::Loop& loop, store::Store& store, config::Registry& registry, const settings::Settings& settings)
      : store_(store),
        registry_(registry),
        keyring_(settings.apisix.data_encryption.keyring),
        roots_(read_roots(settings)),
        shadows_(registry.options().router_kind),
        slice_(loop),
        now_s_(loop.clock().wall_seconds()) {}

  async::Task<base::Result<Json>> make() {
    const std::uint64_t began_us = base::monotonic_now_us();
    if (auto read = co_await read_objects(); !read) co_return std::unexpected(read.error());
    co_await read_consumer_ids();
    co_await check_objects();
    co_await check_routes();
    co_await check_consumers();
    co_await find_shadows();
    report_nameless();
    server_names_.report(findings_);
    report_rejections();
    usage_.report_unused(findings_);
    co_return report(base::monotonic_now_us() - began_us);
  }

 private:
  struct Object {
    Kind kind;
    std::string id;
    Json value;
  };

  ObjectChecks checks() {
    return {registry_.plugins(), keyring_, now_s_, findings_, roots_ ? &*roots_ : nullptr};
  }

  async::Task<base::Status> read_objects() {
    for (const Source& source : kSources) {
      if (source.is_in_force) {
        co_await read_in_force(source.kind);
      } else if (auto read = co_await read_stored(source.kind); !read) {
        co_return read;
      }
    }
    co_return base::Status{};
  }

  async::Task<void> read_in_force(Kind kind) {
    const std::string_view plural = resource::info_of(kind).plural;
    config::IdWalk walk;
    while (registry_.walk_ids(plural, walk)) {
      if (slice_.is_over()) co_await slice_.pause();
    }
    for (const std::string& id : walk.ids) {
      if (slice_.is_over()) co_await slice_.pause();
      if (const auto object = registry_.find_in_force(plural, id)) keep(kind, id, object->value);
    }
  }

  async::Task<base::Status> read_stored(Kind kind) {
    const std::string& prefix = registry_.options().prefix;
    const auto list = co_await store_.list(prefix + resource::collection_key(kind));
    if (!list) co_return std::unexpected(list.error());
    for (const store::Item& item : list->items) {
      if (slice_.is_over()) co_await slice_.pause();
      const auto key = resource::parse_store_key(std::string_view(item.key).substr(prefix.size()));
      if (key && key->kind == kind) keep(kind, key->id, item.value);
    }
    co_return base::Status{};
  }

  void keep(Kind kind, const std::string& id, const std::string& text) {
    usage_.add(kind, id);
    auto value = format::parse_json(text);
    if (value && value->isObject()) objects_.push_back({kind, id, std::move(*value)});
  }

  async::Task<void> read_consumer_ids() {
    config::IdWalk walk;
    while (registry_.plugin_directory().consumers().walk_ids(walk)) {
      if (slice_.is_over()) co_await slice_.pause();
    }
    consumer_ids_ = std::move(walk.ids);
    for (const std::string& id : consumer_ids_) {
      if (slice_.is_over()) co_await slice_.pause();
      const auto at = id.find(kCredentials);
      if (at == std::string::npos) {
        usage_.add(Kind::kConsumer, id);
      } else {
        with_credentials_.insert(id.substr(0, at));
      }
    }
  }

  async::Task<void> check_objects() {
    for (const Object& object : objects_) {
      if (slice_.is_over()) co_await slice_.pause();
      checks().check(object.kind, object.id, object.value);
      if (object.kind == Kind::kSsl) server_names_.add(object.id, object.value);
      usage_.use_all(object.kind, object.value);
      usage_.report_missing(object.kind, object.id, object.value, findings_);
      if (object.kind == Kind::kService && has_responder(object.value))
        responding_services_.insert(object.id);
      if (object.kind == Kind::kGlobalRule)
        note_global_plugins(object.id, find_member(object.value, "plugins"));
    }
    objects_.clear();
  }

  // A plugin may be in one global rule: of those that have it, one is in force. What is turned off is in no
  // rule's way.
  void note_global_plugins(const std::string& id, const Json& plugins) {
    if (!plugins.isObject()) return;
    for (auto entry = plugins.begin(); entry != plugins.end(); ++entry) {
      if (plugin::is_disabled(*entry)) continue;
      const auto [other, is_first] = global_plugins_.try_emplace(entry.name(), id);
      if (is_first) continue;
      findings_.add({Severity::kError, "global-rule-plugin-twice", Kind::kGlobalRule, id,
                     fmt::format("{} is in global rule {} too: one of the two rules is rejected",
                                 entry.name(), other->second),
                     "configure it in one of them"});
    }
  }

  async::Task<void> check_routes() {
    config::IdWalk walk;
    while (registry_.walk_ids("routes", walk)) {
      if (slice_.is_over()) co_await slice_.pause();
    }
    for (const std::string& id : walk.ids) {
      if (slice_.is_over()) co_await slice_.pause();
      const auto object = registry_.find_in_force("routes", id);
      if (!object) continue;  // deleted meanwhile
      const auto route = format::parse_json(object->value);
      if (route) check_route(id, *route);
    }
  }

  void check_route(const std::string& id, const Json& route) {
    ++routes_;  // no object refers to a route: their ids are not kept
    usage_.use_all(Kind::kRoute, route);
    usage_.report_missing(Kind::kRoute, id, route, findings_);
    checks().check(Kind::kRoute, id, route);
    const route::RouteEntry* entry = registry_.routes().find_entry(id);
    if (entry != nullptr) {
      shadows_.add(*entry, conditions_of(route));
      server_names_.add_hosts(*entry);
      check_uris(registry_.options().router_kind, *entry, findings_);
    }
    if (!can_respond(route)) findings_.add(route_without_upstream(id));
  }

  // What a missing service or plugin config leads to is another finding.
  bool can_respond(const Json& route) const {
    if (has_responder(route)) return true;
    const std::string service = resource::id_field(route, "service_id");
    if (service.empty()) return false;
    return !usage_.has(Kind::kService, service) || responding_services_.contains(service);
  }

  async::Task<void> check_consumers() {
    const config::ConsumerTable& consumers = registry_.plugin_directory().consumers();
    for (const std::string& id : consumer_ids_) {
      if (slice_.is_over()) co_await slice_.pause();
      const std::string* text = consumers.text_of(id);
      if (text == nullptr) continue;
      const auto consumer = format::parse_json(*text);
      if (consumer) check_consumer(id, *consumer);
    }
  }

  void check_consumer(const std::string& id, const Json& consumer) {
    const auto at = id.find(kCredentials);
    const Kind kind = at == std::string::npos ? Kind::kConsumer : Kind::kCredential;
    usage_.use_all(kind, consumer);
    usage_.report_missing(kind, id, consumer, findings_);
    checks().check(kind, id, consumer);
    if (kind == Kind::kCredential) {
      ++credentials_;
      const std::string owner = id.substr(0, at);
      if (usage_.has(Kind::kConsumer, owner)) return;
      findings_.add({Severity::kWarning, "credential-without-consumer", kind, id,
                     fmt::format("consumer {} is not there: nobody is recognised by it", owner),
                     "store the consumer, or delete the credential"});
    } else if (!with_credentials_.contains(id) && !authenticates(consumer)) {
      nameless_.push_back(id);
    }
  }

  bool authenticates(const Json& consumer) const {
    const Json& plugins = find_member(consumer, "plugins");
    if (!plugins.isObject()) return false;
    for (auto entry = plugins.begin(); entry != plugins.end(); ++entry) {
      const plugin::PluginKind* kind = registry_.plugins().find(entry.name());
      if (kind != nullptr && kind->info().is_auth) return true;
    }
    return false;
  }

  async::Task<void> find_shadows() {
    while (shadows_.step()) {
      if (slice_.is_over()) co_await slice_.pause();
    }
    for (const Shadows::Shadow& shadow : shadows_.take()) findings_.add(shadow.finding());
    while (shadows_.forget_some()) {
      if (slice_.is_over()) co_await slice_.pause();
    }
  }

  void report_nameless() {
    for (const std::string& id : nameless_) {
      if (usage_.is_used(Kind::kConsumer, id)) continue;  // an anonymous consumer
      findings_.add({Severity::kWarning, "consumer-without-credential", Kind::kConsumer, id,
                     "it has neither an auth plugin nor a credential: nobody is recognised as this consumer",
                     "add a credential, or delete it"});
    }
  }

  void report_rejections() {
    const std::string& prefix = registry_.options().prefix;
    for (const auto& [key, rejection] : registry_.rejections().listed()) {
      const auto item =
          resource::parse_store_key(std::string_view(key).substr(std::min(prefix.size(), key.size())));
      if (!item) continue;
      findings_.add({Severity::kError, "rejected", item->kind, item->id,
                     "what is stored is not in force here: " + rejection.reason,
                     "correct it; until then its last good value stays, if there was one"});
    }
  }

  Json report(std::uint64_t took_us) {
    Json out = findings_.to_json();
    out["revision"] = static_cast<::Json::Int64>(registry_.applied_revision());
    out["took_ms"] = static_cast<::Json::UInt64>(took_us / 1000);
    for (const resource::KindInfo& info : resource::all_kinds()) {
      const std::size_t count = info.kind == Kind::kCredential ? credentials_
                                : info.kind == Kind::kRoute    ? routes_
                                                               : usage_.size(info.kind);
      if (count > 0) out["checked"][std::string(info.plural)] = static_cast<::Json::UInt64>(count);
    }
    return out;
  }

  using Ids = std::unordered_set<std::string, base::StringHash, std::equal_to<>>;

  store::Store& store_;
  config::Registry& registry_;
  const base::Keyring keyring_;
  const std::optional<net::TlsTrust> roots_;
  Findings findings_;
  UsageTable usage_;
  Shadows shadows_;
  ServerNames server_names_;
  async::TimeSlice slice_;
  const std::int64_t now_s_;
  std::vector<Object> objects_;
  std::vector<std::string> consumer_ids_;
  std::vector<std::string> nameless_;  // consumers that no credential leads to
  std::size_t credentials_ = 0;
  std::size_t routes_ = 0;
  Ids with_credentials_;
  Ids responding_services_;                                      // with an upstream, or plugins
  std::unordered_map<std::string, std::string> global_plugins_;  // -> the first rule that has it
};

// One run at a time: a worker is one thread. Ends with the frame that holds it, also when the client
// disconnects.
class Turn {
 public:
  Turn() : is_mine_(!std::exchange(taken(), true)) {}
  ~Turn() {
    if (is_mine_) taken() = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool is_mine() const { return is_mine_; }

 private:
  static bool& taken() {
    static bool taken = false;
    return taken;
  }
  const bool is_mine_;
};

}  // namespace

async::Task<base::Result<Json>> lint(event::Loop& loop, store::Store& store, config::Registry& registry,
                                     const settings::Settings& settings) {
  const Turn turn;
  if (!turn.is_mine()) {
    co_return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kClient,
                         "a lint is under way already");
  }
  Run run(loop, store, registry, settings);
  auto report = co_await run.make();
  co_return report;
}

}  // namespace apisix::diagnose
