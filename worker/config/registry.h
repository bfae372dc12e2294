// Registry: this worker's copy of the configuration: what the store says, by kind and id, and what was
// compiled of it. Changed in place between two events, in time that depends on the size of the change: the
// router is edited, never rebuilt; a compiled route is dropped, and made again at its first use.
//
// A bad item is rejected alone: its last good value stays in force, the rejection is counted and listed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/keyring.h"
#include "shared/base/text.h"
#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/store/follower.h"
#include "shared/store/store.h"
#include "worker/config/compiled.h"
#include "worker/config/id_walk.h"
#include "worker/config/plugin_book.h"
#include "worker/plugin/batch.h"
#include "worker/plugin/request.h"
#include "worker/route/router.h"
#include "worker/secret/secret_book.h"

namespace apisix::config {

// An item that was refused, for the Control API.
struct Rejection {
  std::string key;
  store::Revision revision = 0;
  std::string reason;
};

// An object as it is in force: the last value that was accepted.
struct ObjectInForce {
  std::string key;    // of the store
  std::string value;  // JSON, as stored
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
};

struct RegistryOptions {
  std::string prefix = "/apisix";  // of the store's keys
  route::RouterKind router_kind = route::RouterKind::kHostUri;
  std::vector<std::string> plugins;  // enabled in config.yaml
  base::Keyring keyring;             // of plugins' fields that are encrypted in the store; empty: none are
  format::Json plugin_attr = format::Json(::Json::objectValue);
  std::string runtime_prefix;  // for plugins that open files
  memory::Zones* zones = nullptr;
  unsigned worker_index = 0;
  std::size_t zone_owner = 0;          // see plugin::World
  std::string hidden_key_prefix = {};  // see settings::hidden_key_prefix()
  client::RedisClients* redis = nullptr;
  std::vector<std::uint16_t> tls_ports = {};  // for plugins that send clients there
  secret::SecretBookOptions secrets = {};
};

class Registry final : private plugin::Directory {
 public:
  Registry(event::Loop& loop, store::Store& store, upstream::ClusterWorld world, RegistryOptions options);
  ~Registry() override;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Reads everything and goes on watching. Done when the whole configuration is in force.
  async::Task<base::Status> load();
  // Puts a state in force that was read elsewhere, while the store cannot be reached, and goes on asking the
  // store until it answers; then only what differs is applied.
  void start_from(const store::ListReply& list);
  // Is an item acceptable? For stores whose writers did not ask the Admin API: files. Not set: all are.
  void set_check(std::function<base::Status(const store::Item& item)> check) { check_ = std::move(check); }
  // Called after each batch is applied, with the revision that is now in force.
  void on_applied(std::function<void(store::Revision)> callback) { on_applied_ = std::move(callback); }

  // The route that the request takes, compiled, and what matched in request.matched; null when none does.
  base::Ref<const CompiledRoute> match(plugin::Request& request);
  // What match() looks at for the request, in order (see route::Router::explain()).
  route::Trail explain(plugin::Request& request, std::size_t listed_max) const;

  // The chain of all global rules; null when there is none.
  const base::Ref<const plugin::Chain>& global_chain() { return plugins_.global_chain(); }
  // See PluginBook::chain_with().
  base::Result<base::Ref<const plugin::Chain>> chain_with(const CompiledRoute& route,
                                                          const base::Ref<const plugin::Consumer>& consumer) {
    return plugins_.chain_with(route, consumer);
  }
  const plugin::PluginSet& plugins() const override { return plugins_.plugins(); }
  PluginBook& plugin_book() { return plugins_; }
  plugin::World& plugin_world() { return plugin_world_; }
  plugin::BatchBook& batches() { return batches_; }
  // Other plugins are enabled, or with other attributes, than config.yaml said until now.
  void set_plugins(const std::vector<std::string>& enabled, const format::Json& plugin_attr);
  secret::SecretBook& secrets() { return secrets_; }
  // The chain, or the consumers whom its plugins look for, need secrets that are being read: wait for
  // secrets().changed(). `chain` may be null.
  bool awaits_secrets(const plugin::Chain* chain) {
    return chain != nullptr &&
           (chain->is_pending() || (chain->authenticates() && plugins_.consumers().has_pending()));
  }
  // Files that plugins hold open are opened again.
  void on_logs_reopened() { ++plugin_world_.log_reopenings; }

  // --- for whoever asks how it comes about
  // Null: there is none, or it is disabled.
  const route::RouteEntry* route_entry(std::string_view id) const { return router_.find(id); }
  // What a route's plugins are merged of, the lowest precedence first. An error: the route cannot be served.
  struct PluginLayer {
    std::string resource;  // "/services/1"
    base::Ref<const SharedPlugins> plugins;
  };
  base::Result<std::vector<PluginLayer>> plugin_layers(std::string_view route_id) const;
  const RegistryOptions& options() const { return options_; }

  // Ids of users of an object, "" when there is none: what may not be deleted. Users for which `counts` is
  // false do not count.
  using Counts = std::function<bool(const std::string& id)>;
  std::string route_of_service(std::string_view service_id, const Counts& counts) const;
  std::string route_of_upstream(std::string_view upstream_id, const Counts& counts) const;
  std::string service_of_upstream(std::string_view upstream_id, const Counts& counts) const;
  std::string route_of_plugin_config(std::string_view id, const Counts& counts) const;
  // The id of the first whose JSON has the text `mentions` in it and `matches`; "" when there is none.
  std::string find_route(std::string_view mentions,
                         const std::function<bool(const format::Json&)>& matches) const;
  std::string find_service(const std::function<bool(const format::Json&)>& matches) const;

  // What is in force, for the Control API, of "routes", "services", "upstreams" and "stream_routes": ids in
  // the order of creation, and one of them. Other kinds have none here.
  std::vector<std::string> ids_in_force(std::string_view kind) const;
  std::optional<ObjectInForce> find_in_force(std::string_view kind, std::string_view id) const;
  // The same by the store's key, as far as this copy has come; mod_revision 0: it has no such object.
  // Nothing: objects of the kind are not kept here.
  std::optional<store::Item> known_item(std::string_view key) const;
  // Of the same kinds, ids in no order, where there may be very many of them. False: that was all.
  bool walk_ids(std::string_view kind, IdWalk& walk) const;

  store::Revision applied_revision() const { return applied_revision_; }
  // Of the last change of an object that is known here: nothing of the configuration was changed after it, by
  // whomever, up to applied_revision().
  store::Revision changed_revision() const { return changed_revision_; }
  // Of the item with this key of the store, accepted or not, up to applied_revision(); 0: there is none.
  // Nothing: there is one, and it is about to be read again.
  std::optional<store::Revision> revision_of(std::string_view key) const {
    const auto known = known_.find(key);
    if (known == known_.end()) return 0;
    return known->second.mod_revision != 0 ? std::optional(known->second.mod_revision) : std::nullopt;
  }
  std::size_t routes() const { return routes_.size(); }
  const std::map<std::string, Rejection>& rejections() const { return rejections_; }
  std::uint64_t rejected_total() const { return rejected_total_; }

 private:
  struct RouteObject;
  struct ServiceObject;
  struct KeptText {
    std::string value;  // JSON, as stored
    store::Revision create_revision = 0;
    store::Revision mod_revision = 0;

    static KeptText of(const store::Item& item) {
      return {item.value, item.create_revision, item.mod_revision};
    }
  };
  // What of an item was taken. A store that was restored may hold another value under the same revision.
  struct KnownItem {
    store::Revision mod_revision = 0;
    store::Revision create_revision = 0;
    std::size_t value_hash = 0;

    static KnownItem of(const store::Item& item);
    bool operator==(const KnownItem&) const = default;
  };
  using RouteSet = std::unordered_set<RouteObject*>;
  static std::string first_of(const RouteSet& users, const Counts& counts);
  template <typename T>
  using ById = std::unordered_map<std::string, T, base::StringHash, std::equal_to<>>;

  store::Follower::Callbacks follower_callbacks(store::Store& store);
  void read_again();
  void apply_list(const store::ListReply& list);
  void apply_batch(const store::EventBatch& batch);
  void decide_global_rules(store::Revision revision);
  void note_applied(store::Revision revision);
  void note_change(std::string_view key, store::Revision revision);
  // APISIX marks a folder with an item whose key is the folder's: it is no object.
  static bool is_folder(std::string_view key) { return key.ends_with('/'); }
  void apply_put(const store::Item& item);
  void apply_delete(std::string_view key);
  void reject(const store::Item& item, std::string reason);
  void list_rejection(Rejection rejection);
  void on_build(const plugin::PluginConf& conf);
  base::Status put(const store::Item& item);
  // "/apisix/routes/1" -> {"routes", "1"}
  std::pair<std::string_view, std::string_view> split_key(std::string_view key) const;

  base::Status put_route(const store::Item& item);
  void erase_route(std::string_view id);
  base::Status put_service(const store::Item& item);
  void erase_service(std::string_view id);
  base::Status put_upstream(const store::Item& item);
  void erase_upstream(std::string_view id);
  base::Status index_route(RouteObject& route, const format::Json& value);
  // Routes of a service whose merge, or inherited hosts, changed.
  void touch_routes_of(std::string_view service_id);
  void touch_routes_of_plugin_config(std::string_view id);
  void keep_users_of(RouteObject& route);
  void forget_users_of(RouteObject& route);
  base::Result<std::vector<PluginLayer>> layers_of(const RouteObject& route, const format::Json& value,
                                                   const ServiceObject* service) const;
  // The route's, its plugin config's and its service's plugins, merged; the error says why it fails closed.
  base::Status merge_plugins(const RouteObject& route, const format::Json& value,
                             const ServiceObject* service, CompiledRoute& compiled);

  // plugin::Directory
  base::Ref<const plugin::Metadata> metadata(std::string_view plugin) override;
  base::Ref<plugin::UpstreamHandle> upstream_by_id(std::string_view id) override;
  base::Result<base::Ref<plugin::UpstreamHandle>> make_upstream(const std::string& key,
                                                                const format::Json& upstream) override;
  const format::Json* proto(std::string_view id) override;

  base::Ref<const CompiledRoute> compile(RouteObject& route);
  // What can be told of a route that cannot be served is its failure; an error is what it does not expect.
  base::Status fill(RouteObject& route, CompiledRoute& compiled);
  // The chain of the route's plugins; on failure the route's failure is set.
  void make_chain(const CompiledRoute& route);
  base::Ref<UpstreamSlot> upstream_of(RouteObject& route, const format::Json& value,
                                      const ServiceObject* service);
  base::Ref<UpstreamSlot> slot_of(std::string_view upstream_id);
  // `key` names the upstream over its versions.
  base::Result<base::Ref<const CompiledUpstream>> compile_json(const std::string& key,
                                                               const format::Json& upstream);
  base::Result<base::Ref<const CompiledUpstream>> compile_unchecked(const std::string& key,
                                                                    const format::Json& upstream);

  event::Loop& loop_;
  upstream::ClusterWorld world_;
  RegistryOptions options_;
  client::HttpClient http_;
  secret::SecretBook secrets_;
  PluginBook plugins_;
  plugin::BatchBook batches_;
  plugin::World plugin_world_;
  route::Router router_;
  ById<std::unique_ptr<RouteObject>> routes_;
  ById<std::unique_ptr<ServiceObject>> services_;
  ById<base::Ref<UpstreamSlot>> upstreams_;
  // Texts of what is kept compiled, or for others to look at only.
  ById<KeptText> upstream_texts_;
  ById<KeptText> stream_route_texts_;
  ById<RouteSet> routes_of_service_;  // by service id, the service may be missing
  ById<RouteSet> routes_of_plugin_config_;
  ById<format::Json> protos_;
  ById<KnownItem> known_;  // by key
  std::map<std::string, Rejection> rejections_;
  std::uint64_t rejected_total_ = 0;
  store::Revision applied_revision_ = 0;
  store::Revision changed_revision_ = 0;
  std::function<void(store::Revision)> on_applied_;
  std::function<base::Status(const store::Item& item)> check_;
  store::Follower follower_;
};

}  // namespace apisix::config
