#include "shared/resource/route.h"

#include "shared/base/host_name.h"
#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

// The list, or the one item of the field with the singular name.
std::vector<std::string> one_or_many(const Json& json, std::string_view one, std::string_view many) {
  std::vector<std::string> texts = texts_field(json, many);
  if (std::string text = text_field(json, one); texts.empty() && !text.empty())
    texts.push_back(std::move(text));
  return texts;
}

RouteConditions parse_conditions(Json& json) {
  RouteConditions conditions;
  conditions.uris = one_or_many(json, "uri", "uris");
  conditions.hosts = one_or_many(json, "host", "hosts");
  for (std::string& host : conditions.hosts) host = base::comparable_host(host);
  conditions.methods = texts_field(json, "methods");
  conditions.remote_addrs = one_or_many(json, "remote_addr", "remote_addrs");
  conditions.vars = take_field(json, "vars");
  conditions.filter_func = text_field(json, "filter_func");
  conditions.priority = integer_field(json, "priority");
  return conditions;
}

}  // namespace

base::Result<Route> parse_route(Json json) {
  if (!json.isObject()) return base::invalid("route: expected an object");
  Route route;
  route.id = id_field(json, "id");
  route.name = text_field(json, "name");
  route.conditions = parse_conditions(json);
  if (route.conditions.uris.empty()) return base::invalid("route: it has neither uri nor uris");
  route.service_id = id_field(json, "service_id");
  route.upstream_id = id_field(json, "upstream_id");
  route.plugin_config_id = id_field(json, "plugin_config_id");
  route.script = text_field(json, "script");
  route.timeouts = parse_timeouts(format::find_member(json, "timeout"));
  route.enable_websocket = bool_field(json, "enable_websocket");
  route.is_enabled = count_field(json, "status").value_or(1) != 0;
  route.plugins = take_field(json, "plugins");
  if (auto upstream_json = take_field(json, "upstream")) {
    auto upstream = parse_upstream(std::move(*upstream_json));
    if (!upstream) return base::invalid("route: " + upstream.error().what);
    route.upstream = std::make_unique<Upstream>(std::move(*upstream));
  }
  return route;
}

}  // namespace apisix::resource
