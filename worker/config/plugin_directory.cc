#include "worker/config/plugin_directory.h"

#include <algorithm>
#include <set>

#include "shared/base/log.h"
#include "shared/format/json.h"
#include "shared/format/read.h"
#include "worker/config/plugin_merge.h"
#include "worker/config/refusal.h"
#include "worker/config/stored.h"
#include "worker/lua/kinds.h"
#include "worker/lua/pre_function.h"
#include "worker/plugins/catalog.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

// A route remembers this many consumers' chains; a consumer of which there are more is merged again.
constexpr std::size_t kMergedChainsMax = 1024;
// Up to so many objects that cannot be built are logged once each; beyond it some are logged again.
constexpr std::size_t kUnbuiltMax = 1000;

}  // namespace

PluginDirectory::PluginDirectory(const std::vector<std::string>& enabled_plugins, base::Keyring keyring,
                                 secret::SecretCache& secrets, References& references, plugin::Deps& deps)
    : enabled_(enabled_plugins),
      keyring_(std::move(keyring)),
      catalog_(plugins::catalog().begin(), plugins::catalog().end()),
      plugins_(std::make_unique<plugin::PluginSet>(catalog_, enabled_, keyring_)),
      deps_(deps),
      secrets_(secrets),
      consumers_(*plugins_, secrets, references) {
  plugins_->set_metadata(metadata_);
  plugins_->set_pre_function_check(lua::check_pre_function);
}

PluginDirectory::Objects& PluginDirectory::objects_of(Kind kind) {
  return kind == Kind::kPluginConfig ? plugin_configs_ : consumer_groups_;
}

base::Status PluginDirectory::put(Kind kind, std::string_view id, const store::Item& item) {
  if (kind == Kind::kPluginMetadata) return put_metadata(id, item);
  if (kind == Kind::kProto) return protos_.put(id, item);
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  auto shared = read_plugins(find_member(*value, "plugins"), resource::store_key(kind, id),
                             static_cast<std::uint64_t>(item.mod_revision));
  if (!shared) return std::unexpected(shared.error());
  if (kind == Kind::kGlobalRule) {
    global_rules_.put(id, item.create_revision, *shared);
  } else {
    objects_of(kind)[std::string(id)] = *shared;
  }
  return {};
}

std::vector<GlobalRules::Verdict> PluginDirectory::decide_global_rules() {
  auto verdicts = global_rules_.decide();
  const bool has_changed =
      std::ranges::any_of(verdicts, [](const auto& verdict) { return verdict.reason.empty(); });
  if (has_changed) global_chain_is_current_ = false;
  return verdicts;
}

void PluginDirectory::erase(Kind kind, std::string_view id) {
  if (kind == Kind::kPluginMetadata) {
    if (const auto found = metadata_.find(id); found != metadata_.end()) metadata_.erase(found);
    return;
  }
  if (kind == Kind::kGlobalRule) {
    global_rules_.erase(id);
    global_chain_is_current_ = false;
    return;
  }
  if (kind == Kind::kProto) return protos_.erase(id);
  Objects& objects = objects_of(kind);
  if (const auto found = objects.find(id); found != objects.end()) objects.erase(found);
}

// Metadata of a plugin that is not enabled takes no effect and is no fault.
base::Status PluginDirectory::put_metadata(std::string_view id, const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  if (plugins_->find(id) != nullptr) {
    plugins_->decrypt_metadata(id, *value);
    const auto validation = plugins_->check_metadata(id, *value);
    if (!validation.ok()) return base::invalid(validation.error_msg);
  }
  auto metadata = base::make_counted<plugin::Metadata>();
  metadata->value = std::move(*value);
  metadata->version = static_cast<std::uint64_t>(item.mod_revision);
  metadata_[std::string(id)] = base::Ref<const plugin::Metadata>(metadata.get());
  return {};
}

base::Result<bool> PluginDirectory::put_plugin_list(const store::Item& item) {
  const auto value = format::parse_json(item.value);
  if (!value) return std::unexpected(value.error());
  if (!value->isArray()) return base::invalid("not an array of plugins");
  std::vector<std::string> enabled;
  for (const Json& entry : *value) {
    const Json& stream = find_member(entry, "stream");
    if (format::is_true(stream)) continue;
    if (const Json& name = find_member(entry, "name"); name.isString())
      enabled.push_back(format::string_of(name));
  }
  return enable(enabled);
}

bool PluginDirectory::enable(const std::vector<std::string>& names) {
  if (names == enabled_) return false;
  enabled_ = names;
  load_lua();
  return true;
}

void PluginDirectory::load_lua() {
  auto catalog = deps_.shared<lua::LuaKinds>().catalog(plugins::catalog(), enabled_);
  auto plugins = std::make_unique<plugin::PluginSet>(catalog, enabled_, keyring_);
  plugins->set_metadata(metadata_);
  plugins->set_pre_function_check(lua::check_pre_function);
  consumers_.set_plugins(*plugins);
  plugins_ = std::move(plugins);
  catalog_ = std::move(catalog);
  global_chain_is_current_ = false;
}

base::Result<bool> PluginDirectory::reload_lua(const std::vector<std::string>& names) {
  auto reloaded = deps_.shared<lua::LuaKinds>().reload(plugins::catalog(), names);
  if (!reloaded || !*reloaded) return reloaded;
  enabled_ = names;
  load_lua();
  return true;
}

base::Result<base::Ref<const SharedPlugins>> PluginDirectory::read_plugins(Json plugins,
                                                                           const std::string& resource,
                                                                           std::uint64_t version) const {
  auto shared = base::make_counted<SharedPlugins>();
  shared->version = version;
  if (plugins.isObject() && !plugins.empty()) {
    const auto validation = plugins_->open_stored(plugins, resource::PluginScope::kHttp);
    if (!validation.ok()) return base::invalid(validation.error_msg);
    shared->confs = plugin::make_confs(*plugins_, plugins, resource, version);
    for (const std::string& name : plugins.getMemberNames()) {
      if (plugin::is_disabled(plugins[name])) {
        shared->disabled.push_back(name);
      } else if (plugins_->is_missing(name)) {
        shared->missing.push_back(name);
      } else if (plugins_->find(name) == nullptr) {
        shared->unknown.push_back(name);
      }
    }
  }
  return base::Ref<const SharedPlugins>(shared.get());
}

base::Ref<const SharedPlugins> PluginDirectory::plugin_config(std::string_view id) const {
  const auto found = plugin_configs_.find(id);
  return found != plugin_configs_.end() ? found->second : nullptr;
}

base::Ref<const SharedPlugins> PluginDirectory::consumer_group(std::string_view id) const {
  const auto found = consumer_groups_.find(id);
  return found != consumer_groups_.end() ? found->second : nullptr;
}

base::Ref<const plugin::Metadata> PluginDirectory::metadata(std::string_view plugin) const {
  const auto found = metadata_.find(plugin);
  return found != metadata_.end() ? found->second : nullptr;
}

const base::Ref<const plugin::Chain>& PluginDirectory::global_chain() {
  if (global_chain_is_current_ && (!global_chain_ || global_chain_->is_current())) return global_chain_;
  global_chain_is_current_ = true;
  plugin::PluginConfs merged;
  for (const auto& [id, rule] : global_rules_.in_force()) {
    if (!rule->missing.empty()) {
      base::log_error(
          "global rule {} names plugin {}, which this gateway does not have: every request is answered 503",
          id, rule->missing.front());
      add_refusal(merged, "/global_rules/" + id);
    }
    for (const auto& [name, conf] : rule->confs) merged[name] = conf;
  }
  auto chain = make_chain(merged);
  if (!chain) {
    base::log_error("every request is answered 503, for the global rules: {}", chain.error().what);
    plugin::PluginConfs refused;
    add_refusal(refused, "/global_rules");
    chain = make_chain(refused);
  }
  global_chain_ = std::move(*chain);
  return global_chain_;
}

base::Result<base::Ref<const plugin::Chain>> PluginDirectory::make_chain(const plugin::PluginConfs& confs) {
  if (confs.empty()) return base::Ref<const plugin::Chain>();
  return link(confs, nullptr);
}

base::Result<base::Ref<const plugin::Chain>> PluginDirectory::link(
    const plugin::PluginConfs& confs, const plugin::PluginConfs* without_consumer) {
  auto chain = plugin::Chain::make(deps_, confs, without_consumer, &secrets_);
  if (chain && unbuilt_.empty()) return chain;
  if (unbuilt_.size() > kUnbuiltMax) unbuilt_.clear();
  for (const auto& [name, conf] : confs) {
    const auto known = unbuilt_.find(conf->resource());
    const bool was_told = known != unbuilt_.end() && known->second == conf->version();
    if (conf->failure() != nullptr && !was_told) {
      unbuilt_[conf->resource()] = conf->version();
      if (on_build_) on_build_(*conf);
    } else if (chain && known != unbuilt_.end()) {
      unbuilt_.erase(known);
      if (on_build_) on_build_(*conf);
    }
  }
  return chain;
}

base::Result<base::Ref<const plugin::Chain>> PluginDirectory::chain_with(
    const CompiledRoute& route, const base::Ref<const plugin::Consumer>& consumer) {
  if (route.has_script) return route.runtime->chain;
  base::Ref<const SharedPlugins> group;
  if (!consumer->group_id.empty()) {
    group = consumer_group(consumer->group_id);
    if (!group) {
      return base::invalid("failed to fetch consumer group config by id: " + consumer->group_id);
    }
  }
  if (group && !group->missing.empty()) {
    PluginMerge own;
    own.put_over(*group);
    own.put_over(*consumer);
    if (!own.missing.empty()) {
      return base::invalid("consumer group " + consumer->group_id + " names plugin " + *own.missing.begin() +
                           ", which this gateway does not have");
    }
  }
  if (changes_nothing(*consumer) && (!group || changes_nothing(*group))) return route.runtime->chain;
  auto& merged = route.runtime->merged_chains;
  if (const auto at = merged.find(consumer.get()); at != merged.end()) {
    if (at->second.group == group && at->second.chain->is_current()) return at->second.chain;
    merged.erase(at);
  }
  PluginMerge all{.confs = route.plugins, .missing = {}};
  if (group) all.put_over(*group);
  all.put_over(*consumer);
  auto chain = link(all.confs, &route.plugins);
  if (!chain) return chain;
  if (merged.size() >= kMergedChainsMax) merged.clear();
  merged.emplace(consumer.get(), RouteRuntime::Merged{consumer, group, *chain});
  return chain;
}

}  // namespace apisix::config
