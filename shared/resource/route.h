// Route: which requests it takes and what happens to them. Kept compact: a worker holds 100,000 of them.
// Reference 2.1.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/resource/upstream.h"

namespace apisix::resource {

// Which requests. The code that puts the route into the router may move this out.
struct RouteConditions {
  std::vector<std::string> uris;          // at least one
  std::vector<std::string> hosts;         // lower case; empty = its service's, or any
  std::vector<std::string> methods;       // empty = any
  std::vector<std::string> remote_addrs;  // addresses and CIDR blocks; empty = any
  std::unique_ptr<const format::Json> vars;
  std::string filter_func;  // Lua
  std::int32_t priority = 0;
};

struct Route {
  std::string id;
  std::string name;
  RouteConditions conditions;
  std::string service_id;
  std::string upstream_id;
  std::string plugin_config_id;
  std::unique_ptr<Upstream> upstream;           // null = none of its own
  std::unique_ptr<const format::Json> plugins;  // name -> configuration; null = none
  std::string script;                           // Lua
  std::optional<Timeouts> timeouts;
  std::optional<bool> enable_websocket;  // unset = its service's
  bool is_enabled = true;                // status 0: not put into the router
};

// From JSON that passed validate().
base::Result<Route> parse_route(format::Json route);

}  // namespace apisix::resource
