// RouteTable: the stored routes, in the router and compiled at their first use: after a change of a route,
// its service or its plugin config it is compiled again. Compact: there may be 100,000 routes in each worker.
//
//   put() -> in the router, not compiled -> match() -> compiled -> what it is made of changes -> not compiled
//
// Owned by Registry. Requests in flight keep the compiled route that they started with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/async/step.h"
#include "shared/base/counted.h"
#include "shared/format/json.h"
#include "worker/config/compiled.h"
#include "worker/config/object_table.h"
#include "worker/config/plugin_directory.h"
#include "worker/config/references.h"
#include "worker/config/rejections.h"
#include "worker/config/route_compiler.h"
#include "worker/config/service_table.h"
#include "worker/config/upstream_table.h"
#include "worker/plugin/request_state.h"
#include "worker/route/router.h"

namespace apisix::config {

struct RouteObject : Referrer {
  std::string value;       // the stored JSON, read again when the route is compiled
  std::string service_id;  // empty: none
  std::string upstream_id;
  std::string plugin_config_id;
  store::Revision create_revision = 0;
  store::Revision mod_revision = 0;
  bool has_hosts = false;                   // of its own; else it inherits its service's
  base::Ref<const CompiledRoute> compiled;  // null until its first use
  base::Ref<UpstreamSlot> own_upstream;     // of the upstream inside the route, made with `compiled`

  const std::string& text() const { return value; }
};

// What routes refer to, and where it is noted. All outlive the table.
struct RouteSurroundings {
  ServiceTable& services;
  UpstreamTable& upstreams;
  PluginDirectory& plugins;
  References& references;
  Rejections& rejections;
};

class RouteTable final : public TableOf<RouteObject> {
 public:
  // `folder` of the store's keys: "/apisix/routes/".
  RouteTable(std::string folder, route::RouterKind kind, const RouteSurroundings& around);

  base::Status put(std::string_view id, const store::Item& item);
  void erase(std::string_view id);
  // Of routes whose merge, or inherited hosts, may be different now.
  void on_service_changed(std::string_view service_id);
  void on_plugin_config_changed(std::string_view plugin_config_id);

  // See Registry.
  base::Ref<const CompiledRoute> match(plugin::RequestState& request);
  async::Step take_waiting_filter() { return std::exchange(waiting_filter_, async::Outcome::kPass); }
  route::Trail explain(plugin::RequestState& request, std::size_t listed_max) const;

  // Null: there is none, or it is disabled.
  const route::RouteEntry* find_entry(std::string_view id) const { return router_.find(id); }
  // What a route's plugins are merged of, the lowest precedence first. An error: the route cannot be served.
  base::Result<std::vector<PluginLayer>> plugin_layers(std::string_view id) const;
  // The id of the first whose JSON has the text `mentions` in it and `matches`; "" when there is none. Reads
  // through all of them.
  std::string find_id(std::string_view mentions,
                      const std::function<bool(const format::Json&)>& matches) const;

 private:
  // Into the router, or out of it when it is disabled.
  base::Status index(RouteObject& route, const format::Json& value);
  base::Result<std::function<bool(route::VariableReader&)>> compile_filter(std::string_view text);
  void add_references(const RouteObject& route);
  void remove_references(const RouteObject& route);
  base::Result<std::vector<PluginLayer>> layers_of(const RouteObject& route, const format::Json& value) const;
  const ServiceObject* service_of(const RouteObject& route) const;

  base::Ref<const CompiledRoute> compile(RouteObject& route);
  base::Ref<UpstreamSlot> upstream_of(RouteObject& route, const format::Json& value);
  // The chain of the route's plugins; on failure the route has a failure.
  void make_chain(const CompiledRoute& route);

  const std::string folder_;
  const RouteSurroundings around_;
  route::Router router_;
  // Whose route is being looked for: what filter functions ask about.
  mutable plugin::RequestState* matched_ = nullptr;
  // Of the match that was made last. explain() is about requests that do not wait.
  async::Step waiting_filter_{async::Outcome::kPass};
  mutable bool may_filters_wait_ = true;
};

}  // namespace apisix::config
