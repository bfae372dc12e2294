// Registry: this worker's copy of the configuration, kept current by a store::Follower: a table for each kind
// of object, and what was compiled of them. Changed in place between two events, in time that depends on the
// size of the change. A bad item is rejected alone: its last good value stays in force, the rejection is
// counted and listed.
//
//   store -> Follower -> Registry: list or batch -> by kind (registry_kinds.cc) -> table -> References,
//   Rejections
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/keyring.h"
#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/store/follower.h"
#include "shared/store/store.h"
#include "worker/config/compiled.h"
#include "worker/config/id_walk.h"
#include "worker/config/known_items.h"
#include "worker/config/plugin_directory.h"
#include "worker/config/references.h"
#include "worker/config/rejections.h"
#include "worker/config/route_table.h"
#include "worker/config/service_table.h"
#include "worker/config/stored.h"
#include "worker/config/upstream_table.h"
#include "worker/plugin/batch.h"
#include "worker/plugin/request_state.h"
#include "worker/route/router.h"
#include "worker/secret/secret_cache.h"

namespace apisix::tls {
class CertificateTable;
}

namespace apisix::config {

class SslTable;

struct RegistryOptions {
  std::string prefix = "/apisix";  // of the store's keys
  route::RouterKind router_kind = route::RouterKind::kHostUri;
  std::vector<std::string> plugins;  // enabled in config.yaml
  base::Keyring keyring;             // of plugins' fields that are encrypted in the store; empty: none are
  base::Keyring key_keyring = {};    // of private keys
  format::Json plugin_attr = format::Json(::Json::objectValue);
  std::string runtime_prefix;  // for plugins that open files
  memory::Zones* zones = nullptr;
  unsigned worker_index = 0;
  std::size_t zone_owner = 0;          // see plugin::Deps
  std::string hidden_key_prefix = {};  // see settings::hidden_key_prefix()
  client::RedisClients* redis = nullptr;
  std::vector<std::uint16_t> tls_ports = {};  // for plugins that send clients there
  secret::SecretCacheOptions secrets = {};
  UpstreamTlsOptions upstream_tls = {};
  const plugin::LuaSettings* lua = nullptr;  // see plugin::Deps
};

class Registry final : private plugin::Directory {
 public:
  Registry(event::Loop& loop, store::Store& store, upstream::ClusterDeps deps, RegistryOptions options);
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
  base::Ref<const CompiledRoute> match(plugin::RequestState& request) { return routes_.match(request); }
  // When none does: what the request has to wait for before it is matched again, because a filter_func waits.
  // To be taken at once; done: nothing.
  async::Step take_waiting_filter() { return routes_.take_waiting_filter(); }
  // What match() looks at for the request, in order (see route::Router::explain()).
  route::Trail explain(plugin::RequestState& request, std::size_t listed_max) const {
    return routes_.explain(request, listed_max);
  }

  // The chain of all global rules; null when there is none.
  const base::Ref<const plugin::Chain>& global_chain() { return plugins_.global_chain(); }
  // See PluginDirectory::chain_with().
  base::Result<base::Ref<const plugin::Chain>> chain_with(const CompiledRoute& route,
                                                          const base::Ref<const plugin::Consumer>& consumer) {
    return plugins_.chain_with(route, consumer);
  }
  const plugin::PluginSet& plugins() const override { return plugins_.plugins(); }
  PluginDirectory& plugin_directory() { return plugins_; }
  plugin::Deps& plugin_deps() { return plugin_deps_; }
  plugin::BatchRegistry& batches() { return batches_; }
  // Other plugins are enabled, or with other attributes, than config.yaml said until now. Files of Lua are
  // read anew.
  // Fails where a file of Lua does not load, and leaves everything as it is.
  base::Status reload_plugins(const std::vector<std::string>& enabled, const format::Json& plugin_attr);
  secret::SecretCache& secrets() { return secrets_; }
  // The chain, or the consumers that its plugins look up, need secrets that are being read: wait for
  // secrets().changed(). `chain` may be null.
  bool awaits_secrets(const plugin::Chain* chain) {
    return chain != nullptr &&
           (chain->is_pending() || (chain->authenticates() && plugins_.consumers().has_pending()));
  }
  // Files that plugins hold open are opened again.
  void on_logs_reopened() { ++plugin_deps_.log_reopenings; }

  const RegistryOptions& options() const { return options_; }

  const RouteTable& routes() const { return routes_; }
  const ServiceTable& services() const { return services_; }
  // The certificates of `ssls`.
  tls::CertificateTable& certificates();
  const References& references() const { return references_; }
  const Rejections& rejections() const { return rejections_; }

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
  std::optional<store::Revision> revision_of(std::string_view key) const { return known_.revision_of(key); }

 private:
  // What is done with the items of one kind (registry_kinds.cc).
  struct KindHandler;
  static const KindHandler& handler_of(resource::Kind kind);

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
  void on_build(const plugin::PluginConf& conf);
  base::Status put(const store::Item& item);
  base::Status put_plugin_list(const store::Item& item);
  // Null: objects of the kind are not kept here.
  const ObjectTable* table_of(std::string_view folder) const;
  StoredKey split_key(std::string_view key) const { return StoredKey::of(key, options_.prefix); }

  // plugin::Directory
  base::Ref<const plugin::Metadata> metadata(std::string_view plugin) override;
  base::Result<base::Ref<const format::ProtoSchema>> proto(std::string_view id) override;
  base::Ref<plugin::UpstreamHandle> upstream_by_id(std::string_view id) override;
  std::optional<plugin::StoredObject> find_object(std::string_view kind, std::string_view id) override;
  std::vector<std::string> object_ids(std::string_view kind) override { return ids_in_force(kind); }
  std::uint64_t objects_revision() override { return static_cast<std::uint64_t>(changed_revision_); }
  base::Result<base::Ref<plugin::UpstreamHandle>> make_upstream(const std::string& key,
                                                                const format::Json& upstream) override;

  RegistryOptions options_;
  client::HttpClient http_;
  secret::SecretCache secrets_;
  References references_;
  PluginDirectory plugins_;
  plugin::BatchRegistry batches_;
  plugin::Deps plugin_deps_;
  Rejections rejections_;
  UpstreamTable upstreams_;
  ServiceTable services_;
  RouteTable routes_;
  TextTable stream_routes_;
  std::unique_ptr<SslTable> ssls_;
  KnownItems known_;
  store::Revision applied_revision_ = 0;
  std::uint64_t lists_applied_ = 0;
  store::Revision changed_revision_ = 0;
  std::function<void(store::Revision)> on_applied_;
  std::function<base::Status(const store::Item& item)> check_;
  store::Follower follower_;
};

}  // namespace apisix::config
