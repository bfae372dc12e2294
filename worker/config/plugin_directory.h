// PluginDirectory: everything that decides which plugins a request runs, apart from routes and services
// themselves: the enabled plugins, plugin configs, consumer groups, global rules, plugin metadata, consumers,
// protos; and the merge of them. Precedence, highest first: consumer, consumer group, route, plugin config,
// service; what an object turns off (_meta.disable) has the precedence of what it configures.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/keyring.h"
#include "shared/base/text.h"
#include "shared/resource/kind.h"
#include "shared/store/store.h"
#include "worker/config/compiled.h"
#include "worker/config/consumer_table.h"
#include "worker/config/global_rules.h"
#include "worker/config/proto_table.h"
#include "worker/config/references.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/plugin_set.h"

namespace apisix::config {

class PluginDirectory {
 public:
  // `keyring`: of plugins' fields that are encrypted in the store; empty: none are. `deps`: of the plugins in
  // chains; not read before the first chain is built, since it names this directory's consumers.
  PluginDirectory(const std::vector<std::string>& enabled_plugins, base::Keyring keyring,
                  secret::SecretCache& secrets, References& references, plugin::Deps& deps);

  // Called when a plugin could not be built, once for each version of an object: what it is part of is
  // answered 503. Again, without a failure(), when it could at last, because a secret has changed.
  void on_build(std::function<void(const plugin::PluginConf&)> callback) { on_build_ = std::move(callback); }
  const plugin::PluginSet& plugins() const { return *plugins_; }
  ConsumerTable& consumers() { return consumers_; }
  ProtoTable& protos() { return protos_; }

  // Of plugin configs, consumer groups, global rules, plugin metadata and protos.
  base::Status put(resource::Kind kind, std::string_view id, const store::Item& item);
  void erase(resource::Kind kind, std::string_view id);
  // The stored list of enabled plugins, which replaces that of config.yaml: [{"name": ..., "stream": bool}].
  // True when that is a change: every object must be put again then.
  base::Result<bool> put_plugin_list(const store::Item& item);
  // The same by names.
  bool enable(const std::vector<std::string>& names);
  // The enabled plugins that are files of Lua. Once, when the Deps are complete.
  void load_lua();
  // The files among these read anew; a failure leaves everything as it is. True: every object must be put
  // again.
  base::Result<bool> reload_lua(const std::vector<std::string>& names);
  plugin::Deps& deps() const { return deps_; }

  // Of an object's `plugins` as stored: checked, defaults filled. An error names the first fault.
  base::Result<base::Ref<const SharedPlugins>> read_plugins(format::Json plugins, const std::string& resource,
                                                            std::uint64_t version) const;
  base::Ref<const SharedPlugins> plugin_config(std::string_view id) const;
  base::Ref<const SharedPlugins> consumer_group(std::string_view id) const;
  using Objects = std::map<std::string, base::Ref<const SharedPlugins>, std::less<>>;
  const GlobalRules& global_rules() const { return global_rules_; }
  // After all items of one change: what became of the global rules among them.
  std::vector<GlobalRules::Verdict> decide_global_rules();
  base::Ref<const plugin::Metadata> metadata(std::string_view plugin) const;

  // All global rules as one chain; null when there is none.
  const base::Ref<const plugin::Chain>& global_chain();
  // Null when no plugin is configured.
  base::Result<base::Ref<const plugin::Chain>> make_chain(const plugin::PluginConfs& confs);
  // The route's chain with the consumer's and its group's plugins over it; null without any plugin.
  // Remembered in the route. Error: the group is missing, or a plugin cannot be built.
  base::Result<base::Ref<const plugin::Chain>> chain_with(const CompiledRoute& route,
                                                          const base::Ref<const plugin::Consumer>& consumer);

 private:
  base::Status put_metadata(std::string_view id, const store::Item& item);
  Objects& objects_of(resource::Kind kind);
  base::Result<base::Ref<const plugin::Chain>> link(const plugin::PluginConfs& confs,
                                                    const plugin::PluginConfs* without_consumer);

  std::vector<std::string> enabled_;
  base::Keyring keyring_;
  std::vector<const plugin::PluginKind*> catalog_;  // native ones, and those of Lua that are enabled
  std::unique_ptr<plugin::PluginSet> plugins_;
  plugin::Deps& deps_;
  secret::SecretCache& secrets_;
  ConsumerTable consumers_;
  ProtoTable protos_;
  Objects plugin_configs_;
  Objects consumer_groups_;
  GlobalRules global_rules_;
  std::map<std::string, base::Ref<const plugin::Metadata>, std::less<>> metadata_;
  base::Ref<const plugin::Chain> global_chain_;
  bool global_chain_is_current_ = true;
  std::map<std::string, std::uint64_t> unbuilt_;  // versions of objects, by resource
  std::function<void(const plugin::PluginConf&)> on_build_;
};

}  // namespace apisix::config
