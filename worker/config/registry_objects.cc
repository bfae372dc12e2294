// What stored objects mean to requests: routes in the router, services behind them, upstreams in slots.
#include "worker/config/registry_objects.h"

#include <algorithm>

#include "shared/base/log.h"
#include "shared/format/built.h"
#include "shared/format/read.h"
#include "worker/config/compile.h"
#include "worker/config/plugin_merge.h"
#include "worker/plugin/variables.h"
#include "worker/route/methods.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;

constexpr std::uint16_t kNotFound = 404;
constexpr std::uint16_t kServiceUnavailable = 503;

// Ids are strings or numbers in stored objects.
std::string text_of(const Json& value) {
  if (value.isString()) return format::string_of(value);
  return value.isNull() ? std::string() : format::to_json(value);
}

base::Result<Json> parse_object(const store::Item& item) {
  auto value = format::parse_json(item.value);
  if (!value) return value;
  if (!value->isObject()) return base::invalid("not a JSON object");
  return value;
}

void fail(const CompiledRoute& route, std::uint16_t status, std::string reason) {
  base::log_error("{}", reason);
  route.failure = status;
  route.failure_reason = std::move(reason);
}

route::MatchInput match_input(const plugin::Request& request, route::VariableReader& variables) {
  return {.uri = request.match_path,
          .host = request.host,
          .authority = request.head->authority,
          .method = route::method_bit(request.head->method_text),
          .remote = request.remote_ip,
          .variables = &variables};
}

}  // namespace

// --- routes

base::Status Registry::put_route(const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  const std::string id(split_key(item.key).second);
  if (!find_member(*value, "filter_func").isNull()) return base::invalid("filter_func is not supported yet");
  if (!find_member(*value, "script").isNull()) return base::invalid("script is not supported yet");
  // What plugins it has is looked at again when it is compiled; now only whether they are valid.
  if (const auto plugins = plugins_.read_plugins(find_member(*value, "plugins"), item.key, 0); !plugins) {
    return std::unexpected(plugins.error());
  }
  const auto known = routes_.find(id);
  auto route = std::make_unique<RouteObject>();
  route->id = id;
  route->value = item.value;
  route->service_id = text_of(find_member(*value, "service_id"));
  route->upstream_id = text_of(find_member(*value, "upstream_id"));
  route->plugin_config_id = text_of(find_member(*value, "plugin_config_id"));
  route->mod_revision = item.mod_revision;
  route->create_revision = item.create_revision;
  route->has_hosts = !find_member(*value, "host").isNull() || !find_member(*value, "hosts").isNull();
  if (auto status = index_route(*route, *value); !status) return status;
  if (known != routes_.end()) forget_users_of(*known->second);
  keep_users_of(*route);
  routes_[id] = std::move(route);
  return {};
}

base::Status Registry::index_route(RouteObject& route, const Json& value) {
  if (!route::is_enabled(value)) {
    router_.erase(route.id);
    return {};
  }
  const auto service = services_.find(route.service_id);
  auto entry = route::RouteEntry::from_json(route.id, value,
                                            service != services_.end() ? &service->second->value : nullptr);
  if (!entry) return std::unexpected(entry.error());
  entry->target = &route;
  entry->sequence = static_cast<std::uint64_t>(route.create_revision);
  return router_.put(std::move(*entry));
}

void Registry::erase_route(std::string_view id) {
  const auto route = routes_.find(id);
  if (route == routes_.end()) return;
  router_.erase(id);
  forget_users_of(*route->second);
  routes_.erase(route);
}

void Registry::keep_users_of(RouteObject& route) {
  if (!route.service_id.empty()) routes_of_service_[route.service_id].insert(&route);
  if (!route.plugin_config_id.empty()) routes_of_plugin_config_[route.plugin_config_id].insert(&route);
}

void Registry::forget_users_of(RouteObject& route) {
  const auto forget = [&route](auto& index, const std::string& id) {
    const auto users = index.find(id);
    if (users == index.end()) return;
    users->second.erase(&route);
    if (users->second.empty()) index.erase(users);
  };
  forget(routes_of_service_, route.service_id);
  forget(routes_of_plugin_config_, route.plugin_config_id);
}

// --- services

base::Status Registry::put_service(const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  auto service = std::make_unique<ServiceObject>();
  service->id = split_key(item.key).second;
  service->value = std::move(*value);
  service->upstream_id = text_of(find_member(service->value, "upstream_id"));
  service->create_revision = item.create_revision;
  service->mod_revision = item.mod_revision;
  auto plugins = plugins_.read_plugins(find_member(service->value, "plugins"), "/services/" + service->id,
                                       static_cast<std::uint64_t>(item.mod_revision));
  if (!plugins) return std::unexpected(plugins.error());
  service->plugins = std::move(*plugins);
  if (const Json& own = find_member(service->value, "upstream"); own.isObject()) {
    // What cannot be used (an unsupported scheme) leaves the slot empty: 502, as for a missing upstream.
    service->own_upstream = base::make_counted<UpstreamSlot>();
    if (auto compiled = compile_json(item.key, own)) {
      service->own_upstream->current = std::move(*compiled);
    } else {
      reject(item, compiled.error().what);
    }
  }
  const std::string id = service->id;
  services_[id] = std::move(service);
  touch_routes_of(id);
  return {};
}

void Registry::erase_service(std::string_view id) {
  const auto service = services_.find(id);
  if (service == services_.end()) return;
  services_.erase(service);
  touch_routes_of(id);
}

void Registry::touch_routes_of(std::string_view service_id) {
  const auto users = routes_of_service_.find(service_id);
  if (users == routes_of_service_.end()) return;
  for (RouteObject* route : users->second) {
    route->compiled = nullptr;
    if (route->has_hosts) continue;
    const auto value = format::parse_json(route->value);
    const auto status = index_route(*route, *value);
    if (!status)
      base::log_error("route {} cannot take the hosts of its service: {}", route->id, status.error().what);
  }
}

// --- upstreams

base::Result<base::Ref<const CompiledUpstream>> Registry::compile_json(const std::string& key,
                                                                       const Json& upstream) {
  const auto parsed = resource::parse_upstream(upstream);
  if (!parsed) return std::unexpected(parsed.error());
  return compile_upstream(key, *parsed, world_, loop_.clock().monotonic_us());
}

// Upstreams inside plugins are not checked: the agent that probes does not know them.
base::Result<base::Ref<const CompiledUpstream>> Registry::compile_unchecked(const std::string& key,
                                                                            const Json& upstream) {
  const auto parsed = resource::parse_upstream(upstream);
  if (!parsed) return std::unexpected(parsed.error());
  upstream::ClusterWorld world = world_;
  world.health = nullptr;
  return compile_upstream(key, *parsed, world, loop_.clock().monotonic_us(), UpstreamOwner::kPlugin);
}

base::Ref<UpstreamSlot> Registry::slot_of(std::string_view upstream_id) {
  const auto found = upstreams_.find(upstream_id);
  if (found != upstreams_.end()) return found->second;
  return upstreams_.emplace(upstream_id, base::make_counted<UpstreamSlot>()).first->second;
}

base::Status Registry::put_upstream(const store::Item& item) {
  auto value = parse_object(item);
  if (!value) return std::unexpected(value.error());
  auto compiled = compile_json(item.key, *value);
  if (!compiled) return std::unexpected(compiled.error());
  const std::string id(split_key(item.key).second);
  slot_of(id)->current = std::move(*compiled);
  upstream_texts_[id] = KeptText::of(item);
  return {};
}

void Registry::erase_upstream(std::string_view id) {
  if (const auto text = upstream_texts_.find(id); text != upstream_texts_.end()) upstream_texts_.erase(text);
  const auto slot = upstreams_.find(id);
  if (slot == upstreams_.end()) return;
  slot->second->current = nullptr;
  if (slot->second->references() == 1) upstreams_.erase(slot);
}

// --- who uses what

std::string Registry::first_of(const RouteSet& users, const Counts& counts) {
  const auto user =
      std::ranges::find_if(users, [&counts](const RouteObject* route) { return counts(route->id); });
  return user == users.end() ? "" : (*user)->id;
}

std::string Registry::route_of_service(std::string_view service_id, const Counts& counts) const {
  const auto users = routes_of_service_.find(service_id);
  return users == routes_of_service_.end() ? "" : first_of(users->second, counts);
}

std::string Registry::route_of_upstream(std::string_view upstream_id, const Counts& counts) const {
  for (const auto& [id, route] : routes_) {
    if (route->upstream_id == upstream_id && counts(id)) return id;
  }
  return "";
}

std::string Registry::service_of_upstream(std::string_view upstream_id, const Counts& counts) const {
  for (const auto& [id, service] : services_) {
    if (service->upstream_id == upstream_id && counts(id)) return id;
  }
  return "";
}

std::string Registry::route_of_plugin_config(std::string_view id, const Counts& counts) const {
  const auto users = routes_of_plugin_config_.find(id);
  return users == routes_of_plugin_config_.end() ? "" : first_of(users->second, counts);
}

std::string Registry::find_route(std::string_view mentions,
                                 const std::function<bool(const Json&)>& matches) const {
  for (const auto& [id, route] : routes_) {
    if (!route->value.contains(mentions)) continue;
    const auto value = format::parse_json(route->value);
    if (value && matches(*value)) return id;
  }
  return "";
}

std::string Registry::find_service(const std::function<bool(const Json&)>& matches) const {
  for (const auto& [id, service] : services_) {
    if (matches(service->value)) return id;
  }
  return "";
}

// --- requests

base::Ref<const CompiledRoute> Registry::match(plugin::Request& request) {
  plugin::Variables variables(request);
  route::MatchResult result;
  const route::RouteEntry* entry = router_.match(match_input(request, variables), &result);
  if (entry == nullptr) return nullptr;
  auto* route = static_cast<RouteObject*>(const_cast<void*>(entry->target));
  if (!route->compiled) {
    route->compiled = compile(*route);
  } else if (route->compiled->chain && !route->compiled->chain->is_current()) {
    make_chain(*route->compiled);
  }
  plugin::Matched& matched = request.matched;
  matched.route_id = route->compiled->id;
  matched.route_name = route->compiled->name;
  matched.service_id = route->compiled->service_id;
  matched.service_name = route->compiled->service_name;
  matched.path = request.arena.copy(result.path_pattern());
  matched.host = request.arena.copy(result.host_pattern);
  if (result.parameter_count > 0) {
    auto* parameters = static_cast<plugin::UriParameter*>(request.arena.allocate(
        sizeof(plugin::UriParameter) * result.parameter_count, alignof(plugin::UriParameter)));
    for (std::uint32_t i = 0; i < result.parameter_count; ++i) {
      new (&parameters[i])
          plugin::UriParameter{request.arena.copy(result.parameters[i].name), result.parameters[i].value};
    }
    matched.parameters = parameters;
    matched.parameter_count = result.parameter_count;
  }
  return route->compiled;
}

route::Trail Registry::explain(plugin::Request& request, std::size_t listed_max) const {
  plugin::Variables variables(request);
  return router_.explain(match_input(request, variables), listed_max);
}

base::Result<std::vector<Registry::PluginLayer>> Registry::plugin_layers(std::string_view route_id) const {
  const auto found = routes_.find(route_id);
  if (found == routes_.end()) return base::invalid("no such route");
  const RouteObject& route = *found->second;
  const auto value = format::parse_json(route.value);
  const auto service = services_.find(route.service_id);
  return layers_of(route, *value, service != services_.end() ? service->second.get() : nullptr);
}

base::Ref<const CompiledRoute> Registry::compile(RouteObject& route) {
  auto compiled = base::make_counted<CompiledRoute>();
  compiled->id = route.id;
  if (const auto filled = format::built([&] { return fill(route, *compiled); }); !filled) {
    fail(*compiled, kServiceUnavailable, "route " + route.id + " answers 503: " + filled.error().what);
    ++rejected_total_;
    list_rejection({options_.prefix + "/routes/" + route.id, route.mod_revision, filled.error().what});
  }
  return base::Ref<const CompiledRoute>(compiled.get());
}

// The route over its service: the service's upstream counts only where the route names none.
base::Status Registry::fill(RouteObject& route, CompiledRoute& compiled) {
  const auto value = format::parse_json(route.value);  // it was parsed before
  compiled.name = text_of(find_member(*value, "name"));
  compiled.timeouts = compile_timeouts(resource::parse_timeouts(find_member(*value, "timeout")));
  const auto found = services_.find(route.service_id);
  const ServiceObject* service = found != services_.end() ? found->second.get() : nullptr;
  if (!route.service_id.empty() && service == nullptr) {
    fail(compiled, kNotFound, "failed to fetch service configuration by id: " + route.service_id);
    return {};
  }
  const Json* inherited = service != nullptr ? &service->value : nullptr;
  if (service != nullptr) {
    compiled.service_id = service->id;
    compiled.service_name = text_of(find_member(service->value, "name"));
  }
  const Json& websocket = find_member(*value, "enable_websocket");
  compiled.enable_websocket =
      websocket.isBool() ? format::is_true(websocket)
                         : inherited != nullptr && find_member(*inherited, "enable_websocket").isBool() &&
                               format::is_true(find_member(*inherited, "enable_websocket"));
  compiled.upstream = upstream_of(route, *value, service);
  if (auto merged = merge_plugins(route, *value, service, compiled); !merged) {
    fail(compiled, kServiceUnavailable, merged.error().what);
  }
  return {};
}

base::Result<std::vector<Registry::PluginLayer>> Registry::layers_of(const RouteObject& route,
                                                                     const Json& value,
                                                                     const ServiceObject* service) const {
  std::vector<PluginLayer> layers;
  if (service != nullptr) layers.push_back({"/services/" + service->id, service->plugins});
  if (!route.plugin_config_id.empty()) {
    auto config = plugins_.plugin_config(route.plugin_config_id);
    if (!config) return base::invalid("failed to fetch plugin config by id: " + route.plugin_config_id);
    layers.push_back({"/plugin_configs/" + route.plugin_config_id, std::move(config)});
  }
  const std::string resource = "/routes/" + route.id;
  auto own = plugins_.read_plugins(find_member(value, "plugins"), resource,
                                   static_cast<std::uint64_t>(route.mod_revision));
  if (!own) return base::invalid("route " + route.id + ": " + own.error().what);
  layers.push_back({resource, std::move(*own)});
  return layers;
}

// What cannot run must not be skipped: the route fails closed.
base::Status Registry::merge_plugins(const RouteObject& route, const Json& value,
                                     const ServiceObject* service, CompiledRoute& compiled) {
  const auto layers = layers_of(route, value, service);
  if (!layers) return std::unexpected(layers.error());
  PluginMerge merge;
  for (const PluginLayer& layer : *layers) merge.put_over(*layer.plugins);
  if (!merge.missing.empty()) {
    return base::invalid("route " + route.id + " names plugin " + *merge.missing.begin() +
                         ", which this gateway does not have: it answers 503");
  }
  compiled.plugins = std::move(merge.confs);
  make_chain(compiled);
  return {};
}

void Registry::make_chain(const CompiledRoute& route) {
  route.merged_chains.clear();
  auto chain = plugins_.make_chain(route.plugins);
  if (!chain)
    return fail(route, kServiceUnavailable, "route " + route.id + " answers 503: " + chain.error().what);
  route.failure = 0;
  route.chain = std::move(*chain);
}

void Registry::touch_routes_of_plugin_config(std::string_view id) {
  const auto users = routes_of_plugin_config_.find(id);
  if (users == routes_of_plugin_config_.end()) return;
  for (RouteObject* route : users->second) route->compiled = nullptr;
}

// --- for plugins

base::Ref<const plugin::Metadata> Registry::metadata(std::string_view plugin) {
  return plugins_.metadata(plugin);
}

base::Ref<plugin::UpstreamHandle> Registry::upstream_by_id(std::string_view id) {
  return base::Ref<plugin::UpstreamHandle>(slot_of(id).get());
}

base::Result<base::Ref<plugin::UpstreamHandle>> Registry::make_upstream(const std::string& key,
                                                                        const Json& upstream) {
  auto compiled = compile_unchecked(key, upstream);
  if (!compiled) return std::unexpected(compiled.error());
  auto slot = base::make_counted<UpstreamSlot>();
  slot->current = std::move(*compiled);
  return base::Ref<plugin::UpstreamHandle>(slot.get());
}

const Json* Registry::proto(std::string_view id) {
  const auto found = protos_.find(id);
  return found != protos_.end() ? &found->second : nullptr;
}

base::Ref<UpstreamSlot> Registry::upstream_of(RouteObject& route, const Json& value,
                                              const ServiceObject* service) {
  const Json& id = find_member(value, "upstream_id");
  if (!id.isNull()) return slot_of(text_of(id));
  const Json& own = find_member(value, "upstream");
  if (own.isObject()) {
    if (route.own_upstream) return route.own_upstream;
    auto compiled = compile_json(options_.prefix + "/routes/" + route.id, own);
    if (!compiled) {
      base::log_error("route {}: {}", route.id, compiled.error().what);
      return nullptr;
    }
    route.own_upstream = base::make_counted<UpstreamSlot>();
    route.own_upstream->current = std::move(*compiled);
    return route.own_upstream;
  }
  if (service == nullptr) return nullptr;
  const Json& inherited = find_member(service->value, "upstream_id");
  return inherited.isNull() ? service->own_upstream : slot_of(text_of(inherited));
}

}  // namespace apisix::config
