// ChainLinks: what a chain is made of: configurations with the plugins built of them in run order, and one
// flat list per phase that holds only hooks that exist. The same for the chains of requests (chain.h) and of
// sessions (stream_chain.h). Filled once, by the chain's make(); a chain that is_pending() has no links.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "worker/plugin/plugin_conf.h"
#include "worker/plugin/plugin_kind.h"

namespace apisix::plugin {

// What _meta.filter of a link said in one run of a chain: asked once, so that all phases of a plugin run, or
// none.
enum FilterResult : std::uint8_t { kFilterNotAsked, kFilterPasses, kFilterSkips };

// Highest priority first; by name where they are equal, so that the order does not change between workers.
bool runs_before(const PluginConf& a, const PluginConf& b);

// The secrets that the configurations of a chain refer to, as they were read when it was made.
class ChainSecrets {
 public:
  void refresh(const PluginConfs& confs, secret::SecretCache& secrets);
  bool is_pending() const { return is_pending_; }
  // Some secret of the worker has changed since, perhaps none of these.
  bool may_have_changed() const { return secrets_ != nullptr && is_old(); }
  void note_unchanged() const;

 private:
  bool is_old() const;

  const secret::SecretCache* secrets_ = nullptr;  // null: none are referred to
  mutable std::uint64_t version_ = 0;             // as far as they are known to be current
  bool is_pending_ = false;
};

template <typename PluginType, typename PhaseType, std::size_t kPhases>
class ChainLinks {
 public:
  struct Link {
    base::Ref<PluginConf> conf;
    base::Ref<PluginType> plugin;  // as conf built it when the chain was made
    std::uint16_t index = 0;
    // Came with the consumer and not with the route: its rewrite has not run yet.
    bool is_consumers = false;
    // No filter, and it gives way to no other plugin: nothing has to be asked before it runs.
    bool always_runs = false;
  };

  const std::vector<const Link*>& hooks(PhaseType phase) const {
    return phases_[static_cast<std::size_t>(phase)];
  }
  bool has(PhaseType phase) const { return !hooks(phase).empty(); }
  std::size_t size() const { return links_.size(); }
  const std::vector<Link>& links() const { return links_; }
  // No hook at all means that the chain need not be looked at.
  bool empty() const { return links_.empty(); }

  // Secrets that its plugins need have not been read yet: it has no links, and must not run. Make it again
  // when it is not current any more.
  bool is_pending() const { return secrets_.is_pending(); }
  // False: a secret has changed since it was made. One that is pending may have what it waits for.
  bool is_current() const {
    if (!secrets_.may_have_changed()) return true;
    if (is_pending() || std::ranges::any_of(links_, [](const Link& link) {
          return link.conf->has_secrets() && link.conf->is_stale(link.plugin.get());
        })) {
      return false;
    }
    secrets_.note_unchanged();
    return true;
  }

 protected:
  ChainLinks() = default;
  ~ChainLinks() = default;

  void refresh_secrets(const PluginConfs& confs, secret::SecretCache& secrets) {
    secrets_.refresh(confs, secrets);
  }
  base::Status add(const base::Ref<PluginConf>& conf, base::Result<base::Ref<PluginType>> plugin,
                   bool is_consumers) {
    if (!plugin) return cannot_build(*conf, plugin.error());
    const bool always_runs = conf->filter() == nullptr && !conf->kind().info().prefers_route;
    links_.push_back({conf, std::move(*plugin), 0, is_consumers, always_runs});
    return {};
  }
  // Behind the last add().
  void sort() {
    std::ranges::sort(links_, [](const Link& a, const Link& b) { return runs_before(*a.conf, *b.conf); });
    for (std::size_t i = 0; i < links_.size(); ++i) {
      Link& link = links_[i];
      link.index = static_cast<std::uint16_t>(i);
      for (std::size_t phase = 0; phase < kPhases; ++phase) {
        const auto asked = static_cast<PhaseType>(phase);
        if (link.conf->kind().has(asked) && link.plugin->has(asked)) phases_[phase].push_back(&link);
      }
    }
  }
  static std::unexpected<base::Error> cannot_build(const PluginConf& conf, const base::Error& error) {
    return base::invalid("plugin " + std::string(conf.kind().info().name) + ": " + error.what);
  }

 private:
  std::vector<Link> links_;  // in run order
  std::array<std::vector<const Link*>, kPhases> phases_;
  ChainSecrets secrets_;
};

}  // namespace apisix::plugin
