// PluginConf: one plugin's configuration in one stored object. The plugin is built at its first use and
// shared by every chain that the object is part of. Where it refers to secrets, the plugin is built of their
// values, and another one is built when a value has changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/plugin/plugin_confs.h"
#include "worker/route/match_rule.h"
#include "worker/secret/uses.h"

namespace apisix::plugin {

class Plugin;
class PluginSet;
class PluginKind;
class StreamPlugin;
enum class ConfScope : std::uint8_t;
struct Deps;

class PluginConf : public base::Counted<PluginConf> {
 public:
  // `conf` is valid for `kind`, its encrypted fields are plain.
  PluginConf(const PluginKind& kind, format::Json conf, std::string resource, std::uint64_t version);
  ~PluginConf();

  const PluginKind& kind() const { return kind_; }
  const format::Json& conf() const { return conf_; }
  const std::string& resource() const { return resource_; }
  // --- _meta
  int priority() const { return priority_; }
  // Null: always.
  const route::MatchRule* filter() const { return filter_ ? &*filter_ : nullptr; }
  // Replaces the body of the plugin's own responses of 400 and above; empty: none. Content type in the
  // second.
  const std::string& error_response() const { return error_response_; }
  bool error_response_is_json() const { return error_response_is_json_; }

  // The plugin; an error when it cannot be built (logged once), remembered. Not to be called while
  // is_pending(), as refresh() left it.
  base::Result<base::Ref<Plugin>> plugin(Deps& deps);
  // The same of its form for sessions: a service may be used by both kinds of routes.
  base::Result<base::Ref<StreamPlugin>> stream_plugin(Deps& deps);

  // Why plugin() failed; null: it did not.
  const base::Error* failure() const { return http_.failure ? &*http_.failure : nullptr; }
  std::uint64_t version() const { return version_; }

  // Some value of it is a reference to a secret.
  bool has_secrets() const { return has_secrets_; }
  // Reads the secrets as they are now.
  void refresh(secret::SecretCache& secrets);
  // Some secret has not been read yet.
  bool is_pending() const { return uses_.is_pending(); }
  // What plugin() returned is not current.
  bool is_stale(const Plugin* built) const { return built != http_.plugin.get() || uses_.changed(); }
  bool is_stale(const StreamPlugin* built) const { return built != stream_.plugin.get() || uses_.changed(); }

 private:
  // What was built of it, once for each form.
  template <typename T>
  struct Form {
    base::Ref<T> plugin;
    std::optional<base::Error> failure;
  };

  void read_meta();
  // `make(conf, context)` is the kind's build function of the form.
  template <typename T, typename Make>
  base::Result<base::Ref<T>> built(Form<T>& form, ConfScope scope, Deps& deps, Make&& make) const;

  const PluginKind& kind_;
  format::Json conf_;
  std::string resource_;
  std::uint64_t version_;
  int priority_;
  std::optional<route::MatchRule> filter_;
  std::string error_response_;
  bool error_response_is_json_ = false;
  Form<Plugin> http_;
  Form<StreamPlugin> stream_;
  bool has_secrets_;
  secret::Uses uses_;
  format::Json resolved_;  // conf_ with values in the place of references; null: there are none
};

// `plugins`: the object's member. Names that are not enabled are skipped (logged once per object).
PluginConfs make_confs(const PluginSet& set, const format::Json& plugins, const std::string& resource,
                       std::uint64_t version);

// Puts `over`'s configurations in the place of those of the same name.
void merge_confs(PluginConfs& base, const PluginConfs& over);

}  // namespace apisix::plugin
