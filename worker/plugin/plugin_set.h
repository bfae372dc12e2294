// PluginSet: which plugins this gateway runs: those of the catalog that config.yaml (or the stored /plugins
// list) enables. What is not enabled is unknown: it cannot be configured, and configurations that name it do
// not run it. Also the judge of configurations: schema, then the plugin's own rules, in APISIX's words.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/keyring.h"
#include "shared/format/json.h"
#include "shared/resource/validate.h"
#include "worker/plugin/deps.h"
#include "worker/plugin/plugin_kind.h"

namespace apisix::plugin {

class PluginSet {
 public:
  // `catalog` outlives the set. `enabled`: by name, `plugins` of config.yaml; for stream routes
  // `stream_plugins`. `keyring`: of the fields that are encrypted in the store; empty: none are.
  PluginSet(std::span<const PluginKind* const> catalog, const std::vector<std::string>& enabled,
            base::Keyring keyring = {});

  // Null: not enabled, or not there.
  const PluginKind* find(std::string_view name) const;
  // Enabled or not; null: it is not there.
  const PluginKind* find_in_catalog(std::string_view name) const;
  // Enabled, and not part of this build: what names it must not be served as if it ran.
  bool is_missing(std::string_view name) const;
  // What an enabled plugin offers under this method and path; null when none does.
  const PublicApi* find_public_api(std::string_view method, std::string_view path,
                                   const format::Json& plugin_attr) const;
  const ControlApi* find_control_api(std::string_view method, std::string_view path) const;
  // A plugin's metadata as far as it is known; null: none, or no source was set.
  const format::Json* metadata(std::string_view plugin) const;
  // Of the text of a _meta.pre_function; without one every text is taken.
  void set_pre_function_check(base::Status (*check)(std::string_view text)) { check_pre_function_ = check; }
  using MetadataMap = std::map<std::string, base::Ref<const Metadata>, std::less<>>;
  void set_metadata(const MetadataMap& metadata) { metadata_ = &metadata; }
  // By priority, highest first.
  std::span<const PluginKind* const> enabled() const { return enabled_; }

  // All of an object's plugins, for the Admin API. Fills defaults. Pointers of faults start at `plugins`. In
  // the scope of stream routes a plugin without a form for sessions is unknown.
  resource::Validation check_all(format::Json& plugins, resource::PluginScope scope) const;
  // The same of a write through the Admin API: also against what else there is.
  resource::Validation check_written(format::Json& plugins, resource::PluginScope scope) const;
  // The same of what was read from the store: decrypts fields first, and skips unknown plugins, as APISIX
  // does.
  resource::Validation open_stored(format::Json& plugins, resource::PluginScope scope) const;
  // A plugin's metadata, of any plugin of the catalog: it may be enabled later. The error's text is APISIX's
  // ("invalid plugin name", "invalid configuration: ...").
  resource::Validation check_metadata(std::string_view name, format::Json& metadata) const;

  // One configuration inside another plugin's; the error's text is the bare one of the schema or the plugin.
  base::Status check_nested(const PluginKind& kind, format::Json& conf,
                            ConfScope scope = ConfScope::kResource) const;

  // The fields that the plugins' schemas list as encrypted, as they are stored and back.
  void encrypt(format::Json& plugins, resource::PluginScope scope) const;
  void decrypt(format::Json& plugins, resource::PluginScope scope) const;
  void encrypt_metadata(std::string_view name, format::Json& metadata) const;
  void decrypt_metadata(std::string_view name, format::Json& metadata) const;
  // Its schema as the Admin API shows it, with what is common to all plugins; null when it has none for the
  // scope.
  static const format::Json* schema_json(const PluginKind& kind, ConfScope scope);
  // What a configuration of the plugin is checked against, enabled or not; null: there is no such plugin in
  // this build, or nothing to check.
  const format::Json* find_schema_of(std::string_view name, ConfScope scope) const;
  // What is enabled: {name: {version, priority, type, scope, schema,
  // consumer_schema, metadata_schema}}, each with what it has.
  format::Json describe() const;

 private:
  enum class Origin : std::uint8_t { kWritten, kFile, kStored };
  resource::Validation check(format::Json& plugins, resource::PluginScope scope, Origin origin) const;
  resource::Validation check_conf(const PluginKind& kind, format::Json& conf, ConfScope scope,
                                  Origin origin = Origin::kFile) const;
  // The text is complete ("failed to check the configuration of plugin x err: ...").
  resource::Validation check_one(const PluginKind& kind, format::Json& conf, ConfScope scope,
                                 Origin origin) const;
  void add_pre_function_fault(const PluginKind& kind, const format::Json& conf,
                              resource::Validation& out) const;

  std::span<const PluginKind* const> catalog_;
  base::Keyring keyring_;
  std::vector<const PluginKind*> enabled_;
  std::unordered_map<std::string_view, const PluginKind*> by_name_;
  std::set<std::string, std::less<>> missing_;
  const MetadataMap* metadata_ = nullptr;
  base::Status (*check_pre_function_)(std::string_view text) = nullptr;
};

bool is_disabled(const format::Json& conf);  // _meta.disable

}  // namespace apisix::plugin
