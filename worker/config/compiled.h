// What a request needs of the configuration, compiled: immutable, counted. A request in flight keeps the
// objects it started with; a change of configuration makes new ones. What changes at run time is in
// RouteRuntime, UpstreamRuntime and the Cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shared/base/counted.h"
#include "shared/memory/traffic.h"
#include "shared/resource/upstream.h"
#include "worker/config/upstream_tls.h"
#include "worker/plugin/chain.h"
#include "worker/plugin/deps.h"
#include "worker/upstream/cluster.h"
#include "worker/upstream/keepalive_limits.h"
#include "worker/upstream/node_health.h"

namespace apisix::config {

using resource::PassHost;
using resource::Timeouts;

// What requests write of an upstream, besides what its cluster learns.
struct UpstreamRuntime {
  memory::TrafficPlace traffic;
};

// One upstream object, or the upstream inside a route or service.
struct CompiledUpstream : base::Counted<CompiledUpstream> {
  ~CompiledUpstream() {
    if (cluster) cluster->set_health(nullptr);
  }

  base::Ref<upstream::Cluster> cluster;
  std::unique_ptr<upstream::NodeHealth> health;  // null: no health checks
  std::string scheme = "http";
  base::Ref<UpstreamTls> tls;  // for when `scheme`, or a plugin, says so; null: never
  bool is_of_plugin = false;   // made by a plugin, of its own configuration
  PassHost pass_host = PassHost::kPass;
  std::string upstream_host;
  std::optional<Timeouts> timeouts;
  std::optional<std::uint32_t> retries;  // none: node count - 1
  std::uint64_t retry_timeout_ms = 0;    // 0: no limit
  std::optional<upstream::KeepaliveLimits> keepalive;
  const std::unique_ptr<UpstreamRuntime> runtime = std::make_unique<UpstreamRuntime>();
};

// Where routes find the current version of a shared upstream: a change of the upstream replaces one pointer,
// however many routes use it. Lives as long as anybody refers to the id; `current` is null while there is no
// such upstream.
struct UpstreamSlot final : plugin::UpstreamHandle {
  bool exists() const override { return static_cast<bool>(current); }

  base::Ref<const CompiledUpstream> current;
};

// The plugins of one plugin config, consumer group or global rule.
struct SharedPlugins : base::Counted<SharedPlugins> {
  plugin::PluginConfs confs;
  std::uint64_t version = 0;  // the object's modification revision
  // Named in the object, and not run: enabled in this gateway and not built in, so that what uses them fails
  // closed; turned off by _meta.disable; not enabled in this gateway.
  std::vector<std::string> missing;
  std::vector<std::string> disabled;
  std::vector<std::string> unknown;
};

// What changes while a compiled route serves: everything that requests write. One worker, so nothing is
// locked.
struct RouteRuntime {
  // With a consumer's plugins over the route's; made at the consumer's first request on this route.
  struct Merged {
    base::Ref<const plugin::Consumer> consumer;
    base::Ref<const SharedPlugins> group;
    base::Ref<const plugin::Chain> chain;
  };

  // Null: no plugins. Made anew when a secret that they refer to has changed.
  base::Ref<const plugin::Chain> chain;
  std::unordered_map<const plugin::Consumer*, Merged> merged_chains;  // by consumer, with its group of then
  // Not 0: the route matches but cannot be served; the status of the response (its service is missing: 404;
  // its plugin config is missing or a plugin cannot be built: 503).
  std::uint16_t failure = 0;
  std::string failure_reason;
  memory::TrafficPlace traffic;
};

// A route merged with its service, as the pipeline uses it. Immutable once it is built, but for `runtime`.
struct CompiledRoute : base::Counted<CompiledRoute> {
  std::string id;
  std::string name;
  std::string service_id;
  std::string service_name;
  base::Ref<UpstreamSlot> upstream;
  std::optional<Timeouts> timeouts;  // the route's own; else the upstream's, else the default
  bool enable_websocket = false;
  bool has_script = false;  // in the place of plugins: its own and its consumers'
  plugin::MatchedRevisions revisions;
  // Of the route, its plugin config and its service, merged (plugin_merge.h).
  plugin::PluginConfs plugins;
  const std::unique_ptr<RouteRuntime> runtime = std::make_unique<RouteRuntime>();
};

}  // namespace apisix::config
