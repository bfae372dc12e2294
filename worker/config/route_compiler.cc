#include "worker/config/route_compiler.h"

#include <utility>

#include "shared/base/log.h"
#include "worker/config/plugin_merge.h"
#include "worker/config/stored.h"
#include "worker/lua/script.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;

constexpr std::uint16_t kNotFound = 404;

// The route's own word, else the service's, else false.
bool websocket_of(const Json& route, const Json* service) {
  const Json& own = find_member(route, "enable_websocket");
  if (own.isBool()) return format::is_true(own);
  return service != nullptr && format::is_true(find_member(*service, "enable_websocket"));
}

// The error says why the route fails closed.
base::Result<plugin::PluginConfs> merge_plugins(const RouteSources& sources) {
  if (!sources.layers) return std::unexpected(sources.layers.error());
  PluginMerge merge;
  for (const PluginLayer& layer : *sources.layers) merge.put_over(*layer.plugins);
  if (!merge.missing.empty()) {
    return base::invalid("route " + std::string(sources.id) + " names plugin " + *merge.missing.begin() +
                         ", which this gateway does not have: it answers 503");
  }
  return std::move(merge.confs);
}

}  // namespace

UpstreamSource find_upstream_source(const Json& route, const Json* service) {
  using From = UpstreamSource::From;
  for (const auto& [object, own] : {std::pair{&route, From::kRoute}, std::pair{service, From::kService}}) {
    if (object == nullptr) continue;
    const Json& id = find_member(*object, "upstream_id");
    if (!id.isNull()) return {From::kStored, text_of(id)};
    if (find_member(*object, "upstream").isObject()) return {own};
  }
  return {};
}

base::Ref<const CompiledRoute> compile_route(const RouteSources& sources) {
  auto route = base::make_counted<CompiledRoute>();
  const base::Ref<const CompiledRoute> compiled(route.get());
  route->id = sources.id;
  route->revisions = sources.revisions;
  route->name = text_of(find_member(sources.route, "name"));
  route->timeouts = resource::parse_timeouts(find_member(sources.route, "timeout"));
  if (!sources.service_id.empty() && sources.service == nullptr) {
    fail_route(*route, kNotFound,
               "failed to fetch service configuration by id: " + std::string(sources.service_id));
    return compiled;
  }
  if (sources.service != nullptr) {
    route->service_id = sources.service_id;
    route->service_name = text_of(find_member(*sources.service, "name"));
  }
  route->enable_websocket = websocket_of(sources.route, sources.service);
  route->upstream = sources.upstream;
  if (auto plugins = merge_plugins(sources)) {
    route->plugins = std::move(*plugins);
    route->has_script = route->plugins.contains(lua::kScriptName);
  } else {
    fail_route(*route, kServiceUnavailable, plugins.error().what);
  }
  return compiled;
}

void fail_route(const CompiledRoute& route, std::uint16_t status, std::string reason) {
  base::log_error("{}", reason);
  route.runtime->failure = status;
  route.runtime->failure_reason = std::move(reason);
}

}  // namespace apisix::config
