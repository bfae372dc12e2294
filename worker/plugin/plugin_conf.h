// PluginConf: one plugin's configuration in one stored object. The plugin is built at its first use and
// shared by every chain that the object is part of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/route/match_rule.h"

namespace apisix::plugin {

class Plugin;
class PluginSet;
struct PluginDef;
struct World;

class PluginConf : public base::Counted<PluginConf> {
 public:
  // `conf` is valid for `def`, its encrypted fields are plain.
  PluginConf(const PluginDef& def, format::Json conf, std::string resource, std::uint64_t version);
  ~PluginConf();

  const PluginDef& def() const { return def_; }
  const format::Json& conf() const { return conf_; }
  const std::string& resource() const { return resource_; }
  // --- _meta
  int priority() const { return priority_; }
  // Null: always.
  const route::MatchRule* filter() const { return filter_ ? &*filter_ : nullptr; }
  // Replaces the body of the plugin's own answers of 400 and above; empty: none. Content type in the second.
  const std::string& error_response() const { return error_response_; }
  bool error_response_is_json() const { return error_response_is_json_; }

  // The plugin; an error when it cannot be built (told once to error.log), remembered.
  base::Result<Plugin*> plugin(World& world);

 private:
  void read_meta();

  const PluginDef& def_;
  format::Json conf_;
  std::string resource_;
  std::uint64_t version_;
  int priority_;
  std::optional<route::MatchRule> filter_;
  std::string error_response_;
  bool error_response_is_json_ = false;
  base::Ref<Plugin> plugin_;
  std::optional<base::Error> failure_;
};

// By name: the enabled and known plugins of one object, without those that _meta.disable turns off.
using PluginConfs = std::map<std::string, base::Ref<PluginConf>, std::less<>>;

// `plugins`: the object's member. Names that are not enabled are skipped (logged once per object).
PluginConfs make_confs(const PluginSet& set, const format::Json& plugins, const std::string& resource,
                       std::uint64_t version);

// Puts `over`'s configurations in the place of those of the same name.
void merge_confs(PluginConfs& base, const PluginConfs& over);

}  // namespace apisix::plugin
