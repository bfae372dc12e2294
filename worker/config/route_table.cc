#include "worker/config/route_table.h"

#include "shared/base/log.h"
#include "shared/format/built.h"
#include "shared/format/read.h"
#include "worker/config/stored.h"
#include "worker/lua/filter.h"
#include "worker/lua/script.h"
#include "worker/plugin/plugin_conf.h"
#include "worker/plugin/variables.h"
#include "worker/route/methods.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;
using resource::Kind;

route::MatchInput match_input(const plugin::RequestState& request, route::VariableReader& variables) {
  return {.uri = request.target.match_path,
          .host = request.target.host,
          .authority = request.head->authority,
          .method = route::method_bit(request.head->method_text),
          .remote = request.client.ip,
          .variables = &variables};
}

// The route's own, else its service's; "": none.
std::string script_of(const Json& route, const Json* service) {
  std::string own = format::string_of(find_member(route, "script"));
  if (!own.empty() || service == nullptr) return own;
  return format::string_of(find_member(*service, "script"));
}

// It runs in the place of all plugins.
base::Ref<const SharedPlugins> only_script(std::string script, const RouteObject& route) {
  Json conf(::Json::objectValue);
  conf["script"] = std::move(script);
  auto shared = base::make_counted<SharedPlugins>();
  shared->confs[std::string(lua::kScriptName)] =
      base::make_counted<plugin::PluginConf>(lua::script_kind(), std::move(conf), "/routes/" + route.id,
                                             static_cast<std::uint64_t>(route.mod_revision));
  return base::Ref<const SharedPlugins>(shared.get());
}

void note_match(plugin::RequestState& request, const CompiledRoute& route, const route::MatchResult& result) {
  plugin::Matched& matched = request.matched;
  matched.revisions = &route.revisions;
  matched.route_id = route.id;
  matched.route_name = route.name;
  matched.service_id = route.service_id;
  matched.service_name = route.service_name;
  matched.path = request.arena.copy(result.path_pattern());
  matched.host = request.arena.copy(result.host_pattern);
  if (result.parameter_count == 0) return;
  auto* parameters = static_cast<plugin::UriParameter*>(request.arena.allocate(
      sizeof(plugin::UriParameter) * result.parameter_count, alignof(plugin::UriParameter)));
  for (std::uint32_t i = 0; i < result.parameter_count; ++i) {
    new (&parameters[i])
        plugin::UriParameter{request.arena.copy(result.parameters[i].name), result.parameters[i].value};
  }
  matched.parameters = parameters;
  matched.parameter_count = result.parameter_count;
}

}  // namespace

RouteTable::RouteTable(std::string folder, route::RouterKind kind, const RouteSurroundings& around)
    : folder_(std::move(folder)), around_(around), router_(route::Router::make(kind)) {}

base::Status RouteTable::put(std::string_view id, const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  // What plugins it has is looked at again when it is compiled; now only whether they are valid.
  if (const auto plugins = around_.plugins.read_plugins(find_member(*value, "plugins"), item.key, 0);
      !plugins) {
    return std::unexpected(plugins.error());
  }
  auto route = std::make_unique<RouteObject>(Referrer{Kind::kRoute, std::string(id)});
  route->value = item.value;
  route->service_id = text_of(find_member(*value, "service_id"));
  route->upstream_id = text_of(find_member(*value, "upstream_id"));
  route->plugin_config_id = text_of(find_member(*value, "plugin_config_id"));
  route->mod_revision = item.mod_revision;
  route->create_revision = item.create_revision;
  route->has_hosts = !find_member(*value, "host").isNull() || !find_member(*value, "hosts").isNull();
  if (auto status = index(*route, *value); !status) return status;
  if (const RouteObject* known = find(id)) remove_references(*known);
  add_references(*route);
  keep(id, std::move(route));
  return {};
}

base::Status RouteTable::index(RouteObject& route, const Json& value) {
  if (!route::is_enabled(value)) {
    router_.erase(route.id);
    return {};
  }
  const ServiceObject* service = service_of(route);
  auto entry = route::RouteEntry::from_json(route.id, value, service != nullptr ? &service->value : nullptr);
  if (!entry) return std::unexpected(entry.error());
  if (const Json& text = find_member(value, "filter_func"); text.isString()) {
    auto filter = compile_filter(format::string_of(text));
    if (!filter) return std::unexpected(filter.error());
    entry->filter = std::move(*filter);
  }
  entry->target = &route;
  entry->sequence = static_cast<std::uint64_t>(route.create_revision);
  return router_.put(std::move(*entry));
}

// A std::function has to be copied; what it refers to is not.
base::Result<std::function<bool(route::VariableReader&)>> RouteTable::compile_filter(std::string_view text) {
  auto filter = lua::compile_filter(around_.plugins.deps(), text);
  if (!filter) return std::unexpected(filter.error());
  return [this, shared = std::make_shared<const lua::Ref>(std::move(*filter))](route::VariableReader&) {
    return matched_ != nullptr &&
           lua::runs_true(shared, *matched_, may_filters_wait_ ? &waiting_filter_ : nullptr);
  };
}

void RouteTable::erase(std::string_view id) {
  const RouteObject* route = find(id);
  if (route == nullptr) return;
  router_.erase(id);
  remove_references(*route);
  drop(id);
}

void RouteTable::add_references(const RouteObject& route) {
  around_.references.add(route, Kind::kService, route.service_id);
  around_.references.add(route, Kind::kUpstream, route.upstream_id);
  around_.references.add(route, Kind::kPluginConfig, route.plugin_config_id);
}

void RouteTable::remove_references(const RouteObject& route) {
  around_.references.remove(route, Kind::kService, route.service_id);
  around_.references.remove(route, Kind::kUpstream, route.upstream_id);
  around_.references.remove(route, Kind::kPluginConfig, route.plugin_config_id);
}

void RouteTable::on_service_changed(std::string_view service_id) {
  for (const Referrer* user : around_.references.users_of(Kind::kService, service_id)) {
    RouteObject* route = user->kind == Kind::kRoute ? find_own(user->id) : nullptr;
    if (route == nullptr) continue;
    route->compiled = nullptr;
    if (route->has_hosts) continue;
    const auto value = format::parse_json(route->value);
    if (const auto status = index(*route, *value); !status)
      base::log_error("route {} cannot take the hosts of its service: {}", route->id, status.error().what);
  }
}

void RouteTable::on_plugin_config_changed(std::string_view plugin_config_id) {
  for (const Referrer* user : around_.references.users_of(Kind::kPluginConfig, plugin_config_id)) {
    if (RouteObject* route = user->kind == Kind::kRoute ? find_own(user->id) : nullptr)
      route->compiled = nullptr;
  }
}

const ServiceObject* RouteTable::service_of(const RouteObject& route) const {
  return around_.services.find(route.service_id);
}

std::string RouteTable::find_id(std::string_view mentions,
                                const std::function<bool(const Json&)>& matches) const {
  for (const auto& [id, route] : objects()) {
    if (!route->value.contains(mentions)) continue;
    const auto value = format::parse_json(route->value);
    if (value && matches(*value)) return id;
  }
  return "";
}

// --- requests

base::Ref<const CompiledRoute> RouteTable::match(plugin::RequestState& request) {
  plugin::Variables variables(request);
  matched_ = &request;
  route::MatchResult result;
  const route::RouteEntry* entry = router_.match(match_input(request, variables), &result);
  if (entry == nullptr || !waiting_filter_.done()) return nullptr;
  auto* route = static_cast<RouteObject*>(const_cast<void*>(entry->target));
  if (!route->compiled) {
    route->compiled = compile(*route);
  } else if (const auto& chain = route->compiled->runtime->chain; chain && !chain->is_current()) {
    make_chain(*route->compiled);
  }
  note_match(request, *route->compiled, result);
  return route->compiled;
}

route::Trail RouteTable::explain(plugin::RequestState& request, std::size_t listed_max) const {
  plugin::Variables variables(request);
  matched_ = &request;
  may_filters_wait_ = false;
  auto trail = router_.explain(match_input(request, variables), listed_max);
  may_filters_wait_ = true;
  return trail;
}

// --- compiling

base::Ref<const CompiledRoute> RouteTable::compile(RouteObject& route) {
  const auto value = format::parse_json(route.value);  // it was parsed before
  const ServiceObject* service = service_of(route);
  RouteSources sources{.id = route.id,
                       .route = *value,
                       .service_id = route.service_id,
                       .revisions = {.route = static_cast<std::uint64_t>(route.mod_revision)}};
  if (const auto config = around_.plugins.plugin_config(route.plugin_config_id))
    sources.revisions.plugin_config = config->version;
  if (service != nullptr) {
    sources.service = &service->value;
    sources.revisions.service = static_cast<std::uint64_t>(service->mod_revision);
  }
  base::Ref<const CompiledRoute> compiled;
  auto status = format::built([&]() -> base::Status {
    if (service == nullptr && !route.service_id.empty()) return {};  // it cannot be served
    sources.upstream = upstream_of(route, *value);
    sources.layers = layers_of(route, *value);
    return {};
  });
  if (status) {
    status = format::built([&]() -> base::Status {
      compiled = compile_route(sources);
      if (compiled->runtime->failure == 0) make_chain(*compiled);
      return {};
    });
  }
  if (!status) {
    if (!compiled) compiled = compile_route({.id = route.id, .route = Json(::Json::objectValue)});
    fail_route(*compiled, kServiceUnavailable, "route " + route.id + " answers 503: " + status.error().what);
    around_.rejections.add({folder_ + route.id, route.mod_revision, status.error().what});
  }
  return compiled;
}

base::Ref<UpstreamSlot> RouteTable::upstream_of(RouteObject& route, const Json& value) {
  const ServiceObject* service = service_of(route);
  const UpstreamSource source = find_upstream_source(value, service != nullptr ? &service->value : nullptr);
  switch (source.from) {
    case UpstreamSource::From::kNowhere:
      return nullptr;
    case UpstreamSource::From::kStored:
      return around_.upstreams.slot_of(source.id);
    case UpstreamSource::From::kService:
      return service->own_upstream;
    case UpstreamSource::From::kRoute:
      break;
  }
  if (route.own_upstream) return route.own_upstream;
  auto made = around_.upstreams.make_slot(folder_ + route.id, find_member(value, "upstream"));
  if (!made) {
    base::log_error("route {}: {}", route.id, made.error().what);
    return nullptr;
  }
  route.own_upstream = std::move(*made);
  return route.own_upstream;
}

base::Result<std::vector<PluginLayer>> RouteTable::plugin_layers(std::string_view id) const {
  const RouteObject* route = find(id);
  if (route == nullptr) return base::invalid("no such route");
  return layers_of(*route, *format::parse_json(route->value));
}

base::Result<std::vector<PluginLayer>> RouteTable::layers_of(const RouteObject& route,
                                                             const Json& value) const {
  std::vector<PluginLayer> layers;
  const ServiceObject* service = service_of(route);
  if (std::string script = script_of(value, service != nullptr ? &service->value : nullptr);
      !script.empty()) {
    layers.push_back({"/routes/" + route.id, only_script(std::move(script), route)});
    return layers;
  }
  if (service != nullptr) layers.push_back({"/services/" + service->id, service->plugins});
  if (!route.plugin_config_id.empty()) {
    auto config = around_.plugins.plugin_config(route.plugin_config_id);
    if (!config) return base::invalid("failed to fetch plugin config by id: " + route.plugin_config_id);
    layers.push_back({"/plugin_configs/" + route.plugin_config_id, std::move(config)});
  }
  const std::string resource = "/routes/" + route.id;
  auto own = around_.plugins.read_plugins(find_member(value, "plugins"), resource,
                                          static_cast<std::uint64_t>(route.mod_revision));
  if (!own) return base::invalid("route " + route.id + ": " + own.error().what);
  layers.push_back({resource, std::move(*own)});
  return layers;
}

void RouteTable::make_chain(const CompiledRoute& route) {
  RouteRuntime& runtime = *route.runtime;
  runtime.merged_chains.clear();
  auto chain = around_.plugins.make_chain(route.plugins);
  if (!chain) {
    return fail_route(route, kServiceUnavailable,
                      "route " + route.id + " answers 503: " + chain.error().what);
  }
  runtime.failure = 0;
  runtime.chain = std::move(*chain);
}

}  // namespace apisix::config
