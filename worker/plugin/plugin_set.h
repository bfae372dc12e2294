// PluginSet: which plugins this gateway runs: those of the catalog that config.yaml (or the stored /plugins
// list) enables. What is not enabled is unknown: it cannot be configured, and configurations that name it do
// not run it. Also the judge of configurations: schema, then the plugin's own rules, in APISIX's words.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/format/json.h"
#include "shared/resource/validate.h"
#include "worker/plugin/plugin.h"

namespace apisix::plugin {

class PluginSet {
 public:
  // `catalog` outlives the set.
  PluginSet(std::span<const PluginDef* const> catalog, const std::vector<std::string>& enabled);

  // Null: not enabled, or not there.
  const PluginDef* find(std::string_view name) const;
  // Enabled, and not part of this build: what names it must not be served as if it ran.
  bool is_missing(std::string_view name) const;
  // By priority, highest first.
  std::span<const PluginDef* const> enabled() const { return enabled_; }

  // All of an object's plugins. Fills defaults. Pointers of faults start at `plugins`.
  // skip_unknown: as APISIX does for what it reads from the store; the Admin API does not.
  resource::Validation check_all(format::Json& plugins, resource::PluginScope scope, bool skip_unknown) const;
  // One configuration; the text is complete ("failed to check the configuration of plugin x err: ...").
  resource::Validation check_one(const PluginDef& def, format::Json& conf, ConfScope scope) const;
  // Its schema as the Admin API shows it, with what is common to all plugins; null when it has none for the
  // scope.
  static const format::Json* schema_json(const PluginDef& def, ConfScope scope);

 private:
  std::vector<const PluginDef*> enabled_;
  std::unordered_map<std::string_view, const PluginDef*> by_name_;
  std::set<std::string, std::less<>> missing_;
};

bool is_disabled(const format::Json& conf);  // _meta.disable

}  // namespace apisix::plugin
