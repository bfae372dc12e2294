// Keeping up with the store: list, watch, apply. What the objects mean is in registry_objects.cc.
#include "worker/config/registry.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/base/retry_delay.h"
#include "shared/format/built.h"
#include "shared/resource/kind.h"
#include "worker/config/registry_objects.h"

namespace apisix::config {
namespace {

constexpr std::uint64_t kResyncMsFirst = 100;
constexpr std::uint64_t kResyncMsMax = 5'000;
constexpr std::size_t kRejectionsListed = 1000;

// Keys of what is known and not in the list.
template <typename Known>
std::vector<std::string> unlisted(const Known& known, const store::ListReply& list) {
  std::vector<std::string> out;
  for (const auto& [key, item] : known) {
    const auto at = std::ranges::lower_bound(list.items, key, {}, &store::Item::key);
    if (at == list.items.end() || at->key != key) out.push_back(key);
  }
  return out;
}

}  // namespace

Registry::Registry(event::Loop& loop, store::Store& store, upstream::ClusterWorld world,
                   RegistryOptions options)
    : loop_(loop),
      store_(store),
      world_(world),
      options_(std::move(options)),
      http_(loop),
      secrets_(loop, http_, options_.secrets),
      plugins_(options_.plugins, options_.keyring, secrets_),
      batches_(loop),
      plugin_world_{.loop = loop,
                    .consumers = plugins_.consumers(),
                    .directory = *this,
                    .plugin_attr = options_.plugin_attr,
                    .zones = options_.zones,
                    .prefix = options_.runtime_prefix,
                    .worker_index = options_.worker_index,
                    .zone_owner = options_.zone_owner,
                    .store_prefix = options_.prefix,
                    .hidden_key_prefix = options_.hidden_key_prefix,
                    .redis = options_.redis,
                    .batches = &batches_,
                    .http = &http_,
                    .tls_ports = options_.tls_ports},
      router_(route::Router::make(options_.router_kind)),
      scope_(loop) {
  plugins_.set_world(plugin_world_);
  plugins_.on_build([this](const plugin::PluginConf& conf) { on_build(conf); });
}

Registry::~Registry() {
  watch_.reset();
}

async::Task<base::Status> Registry::load() {
  auto status = co_await read_all();
  co_return status;
}

void Registry::start_from(const store::ListReply& list) {
  apply_list(list);
  scope_.spawn(resync());
}

async::Task<base::Status> Registry::read_all() {
  auto list = co_await store_.list(options_.prefix + "/");
  if (!list) co_return std::unexpected(list.error());
  apply_list(*list);
  watch(list->revision + 1);
  co_return base::Status{};
}

void Registry::watch(store::Revision from) {
  watch_ = store_.watch(options_.prefix + "/", from,
                        {[this](const store::EventBatch& batch) { apply_batch(batch); },
                         [this](const base::Error& error) {
                           base::log_warn("the watch on the {} store ended ({}), reading everything again",
                                          store_.provider(), error.what);
                           scope_.spawn(resync());
                         },
                         [this](store::Revision revision) {
                           if (revision > applied_revision_) note_applied(revision);
                         }});
}

void Registry::set_plugins(const std::vector<std::string>& enabled, const format::Json& plugin_attr) {
  const bool has_other_list = plugins_.enable(enabled);
  if (!has_other_list && plugin_attr == options_.plugin_attr) return;
  options_.plugin_attr = plugin_attr;
  read_again();
}

// Every object counts as changed; the list of plugins, which says what the others mean, does not.
void Registry::read_again() {
  for (auto& [key, item] : known_) {
    if (split_key(key).first != "plugins") item = {};
  }
  scope_.spawn(resync());
}

// Until it works: a store that is away must not empty what is in force.
async::Task<void> Registry::resync() {
  watch_.reset();
  base::RetryDelay delay(kResyncMsFirst, kResyncMsMax);
  std::string trouble;
  for (;;) {
    const auto status = co_await read_all();
    if (status) co_return;
    if (status.error().what != trouble)
      base::log_error("cannot read the configuration, what was loaded stays in force: {}",
                      status.error().what);
    trouble = status.error().what;
    co_await async::Sleep(loop_, delay.next_ms());
  }
}

// The whole state: only what differs from what is in force is applied.
void Registry::apply_list(const store::ListReply& list) {
  // The list of plugins first: it decides what the others mean; and secrets, which others refer to. Routes
  // last: they inherit hosts from services.
  std::array<std::vector<const store::Item*>, 3> turns;
  for (const store::Item& item : list.items) {
    if (is_folder(item.key)) continue;
    const auto kind = split_key(item.key).first;
    turns[kind == "plugins" || kind == "secrets" ? 0 : kind == "routes" ? 2 : 1].push_back(&item);
  }
  const std::size_t listed = turns[0].size() + turns[1].size() + turns[2].size();
  known_.reserve(listed);
  for (const auto& turn : turns) {
    for (const store::Item* item : turn) {
      const auto known = known_.find(item->key);
      if (known == known_.end() || known->second != KnownItem::of(*item)) apply_put(*item);
    }
  }
  // All that is listed is known now.
  const std::vector<std::string> gone =
      known_.size() == listed ? std::vector<std::string>{} : unlisted(known_, list);
  for (const std::string& key : gone) apply_delete(key);
  // A store that was restored counts from its own past.
  if (list.revision < changed_revision_) changed_revision_ = 0;
  for (const store::Item& item : list.items) note_change(item.key, item.mod_revision);
  // Some time before the list; deletes leave no trace of when.
  for (const std::string& key : gone) note_change(key, list.revision);
  note_applied(list.revision);
}

void Registry::apply_batch(const store::EventBatch& batch) {
  for (const store::Event& event : batch.events) {
    if (is_folder(event.item.key)) continue;
    note_change(event.item.key, batch.revision);
    if (event.type == store::Event::Type::kPut) {
      apply_put(event.item);
    } else {
      apply_delete(event.item.key);
    }
  }
  note_applied(batch.revision);
}

// Heartbeats and counters that are kept beside the objects are no change.
void Registry::note_change(std::string_view key, store::Revision revision) {
  if (revision <= changed_revision_) return;
  const auto kind = split_key(key).first;
  if (kind == "plugins" || resource::find_kind_by_plural(kind)) changed_revision_ = revision;
}

// Of the global rules of one change; a rule that waits may be freed by the change of another.
void Registry::decide_global_rules(store::Revision revision) {
  for (GlobalRules::Verdict& verdict : plugins_.decide_global_rules()) {
    const std::string key = options_.prefix + "/global_rules/" + verdict.id;
    if (verdict.reason.empty()) {
      rejections_.erase(key);
    } else if (verdict.was_put) {
      const store::Revision of_item = revision_of(key).value_or(revision);
      reject({.key = key, .value = "", .mod_revision = of_item}, std::move(verdict.reason));
    } else if (const auto known = rejections_.find(key); known != rejections_.end()) {
      known->second.reason = std::move(verdict.reason);
    }
  }
}

void Registry::note_applied(store::Revision revision) {
  decide_global_rules(revision);
  applied_revision_ = revision;
  if (on_applied_) on_applied_(revision);
}

Registry::KnownItem Registry::KnownItem::of(const store::Item& item) {
  return {item.mod_revision, item.create_revision, std::hash<std::string>{}(item.value)};
}

void Registry::apply_put(const store::Item& item) {
  known_[item.key] = KnownItem::of(item);
  rejections_.erase(item.key);
  const auto status = format::built([&] { return put(item); });
  if (!status) reject(item, status.error().what);
}

// A kind that no request of this build looks at is accepted.
base::Status Registry::put(const store::Item& item) {
  const auto [kind, id] = split_key(item.key);
  if (check_) {
    if (auto status = check_(item); !status) return status;
  }
  if (kind == "plugins") {
    const auto changed = plugins_.put_plugin_list(item);
    if (!changed) return std::unexpected(changed.error());
    if (*changed && watch_) read_again();
  }
  if (kind == "consumers") return plugins_.consumers().put(id, item);
  if (PluginBook::keeps(kind)) {
    auto status = plugins_.put(kind, id, item);
    if (kind == "plugin_configs") touch_routes_of_plugin_config(id);
    return status;
  }
  if (kind == "routes") return put_route(item);
  // Not what is kept below a service.
  if (kind == "services" && !id.contains('/')) return put_service(item);
  if (kind == "upstreams") return put_upstream(item);
  if (kind == "secrets") return secrets_.put(id, item);
  if (kind == "stream_routes") stream_route_texts_[std::string(id)] = KeptText::of(item);
  return {};
}

void Registry::apply_delete(std::string_view key) {
  const auto [kind, id] = split_key(key);
  if (kind == "routes") erase_route(id);
  if (kind == "services") erase_service(id);
  if (kind == "upstreams") erase_upstream(id);
  if (kind == "stream_routes") stream_route_texts_.erase(std::string(id));
  if (kind == "secrets") secrets_.erase(id);
  if (kind == "consumers") plugins_.consumers().erase(id);
  if (PluginBook::keeps(kind)) plugins_.erase(kind, id);
  if (kind == "plugin_configs") touch_routes_of_plugin_config(id);
  rejections_.erase(std::string(key));
  if (const auto known = known_.find(key); known != known_.end()) known_.erase(known);
}

void Registry::reject(const store::Item& item, std::string reason) {
  ++rejected_total_;
  base::log_error("rejected {} at revision {}: {}", item.key, item.mod_revision, reason);
  list_rejection({item.key, item.mod_revision, std::move(reason)});
}

// error.log has it already.
void Registry::on_build(const plugin::PluginConf& conf) {
  const std::string key = options_.prefix + conf.resource();
  if (conf.failure() == nullptr) {
    rejections_.erase(key);
    return;
  }
  ++rejected_total_;
  list_rejection({key, static_cast<store::Revision>(conf.version()),
                  fmt::format("plugin {}: {}", conf.kind().info().name, conf.failure()->what)});
}

void Registry::list_rejection(Rejection rejection) {
  if (rejections_.size() < kRejectionsListed) rejections_[rejection.key] = std::move(rejection);
}

std::pair<std::string_view, std::string_view> Registry::split_key(std::string_view key) const {
  key.remove_prefix(std::min(key.size(), options_.prefix.size() + 1));
  const auto slash = key.find('/');
  if (slash == std::string_view::npos) return {key, {}};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

}  // namespace apisix::config
