// From what is stored of a route, and of what it refers to, to a CompiledRoute: pure functions, which look
// nothing up. RouteTable finds what they need and builds the chain of plugins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "worker/config/compiled.h"

namespace apisix::config {

// Where the upstream of a route is: the route's own word counts before its service's.
struct UpstreamSource {
  enum class From : std::uint8_t { kNowhere, kStored, kRoute, kService };

  From from = From::kNowhere;
  std::string id = {};  // of kStored

  bool operator==(const UpstreamSource&) const = default;
};
// `service`: null when the route has none. kRoute, kService: the upstream inside of the object.
UpstreamSource find_upstream_source(const format::Json& route, const format::Json* service);

// What one object says of plugins.
struct PluginLayer {
  std::string resource;  // "/services/1"
  base::Ref<const SharedPlugins> plugins;
};

struct RouteSources {
  std::string_view id;
  const format::Json& route;              // as stored
  std::string_view service_id = {};       // that the route names; "": none
  const format::Json* service = nullptr;  // null: there is none of this id
  plugin::MatchedRevisions revisions = {};
  base::Ref<UpstreamSlot> upstream = {};  // null: neither of them has one
  // What the plugins are merged of, the lowest precedence first. An error: the route cannot be served.
  base::Result<std::vector<PluginLayer>> layers = {};
};
// The route over its service, without a chain. What cannot be served has a failure, which is logged: a
// service that is missing, plugins that cannot run and must not be skipped.
base::Ref<const CompiledRoute> compile_route(const RouteSources& sources);

inline constexpr std::uint16_t kServiceUnavailable = 503;

// The route is answered with this status from now on; writes the reason to the error log.
void fail_route(const CompiledRoute& route, std::uint16_t status, std::string reason);

}  // namespace apisix::config
