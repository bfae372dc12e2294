#include "worker/diagnose/explain.h"

#include <utility>

#include "shared/format/read.h"
#include "worker/config/registry.h"
#include "worker/diagnose/candidates.h"
#include "worker/diagnose/plugins_of.h"
#include "worker/diagnose/probe.h"
#include "worker/diagnose/upstream_of.h"

namespace apisix::diagnose {
namespace {

using format::Json;

constexpr std::size_t kCandidatesListedMax = 100;

std::string_view name_of(route::RouterKind kind) {
  switch (kind) {
    case route::RouterKind::kHostUri:
      return "radixtree_host_uri";
    case route::RouterKind::kUri:
      return "radixtree_uri";
    case route::RouterKind::kUriWithParameter:
      return "radixtree_uri_with_parameter";
  }
  return "";
}

Json text(std::string_view view) {
  return Json(std::string(view));
}

Json request_json(plugin::RequestState& request) {
  Json out(::Json::objectValue);
  out["method"] = text(request.head->method_text);
  out["scheme"] = text(request.scheme());
  out["host"] = text(request.target.host);
  out["uri"] = text(request.target.path);
  out["args"] = text(request.target.args);
  out["remote_addr"] = text(request.remote_addr());
  return out;
}

Json response_json(int status, std::string_view why) {
  Json out(::Json::objectValue);
  out["status"] = status;
  out["why"] = text(why);
  return out;
}

// Every member is there, whatever comes of it.
Json blank(const config::Registry& registry) {
  Json out(::Json::objectValue);
  for (const char* name : {"request", "route", "service", "consumer", "upstream", "answer"})
    out[name] = Json();
  for (const char* name : {"candidates", "plugins", "plugins_left_out", "notes"}) {
    out[name] = Json(::Json::arrayValue);
  }
  out["candidates_total"] = 0;
  out["router"] = text(name_of(registry.options().router_kind));
  out["revision"] = static_cast<::Json::Int64>(registry.applied_revision());
  return out;
}

// As the pipeline: a condition on the body has it read, and everything is matched again.
base::Ref<const config::CompiledRoute> match(config::Registry& registry, const Question& question,
                                             plugin::RequestState& request, Json& out) {
  auto route = registry.match(request);
  if (request.body.is_wanted()) {
    request.body.set(request.arena.copy(question.body),
                     request.head->headers.value(http::KnownHeader::kContentType));
    if (question.body.empty())
      out["notes"].append("a condition is about the request's body, which is empty here");
    route = registry.match(request);
  }
  // The walk saw nothing that had matched before it.
  const plugin::Matched matched = std::exchange(request.matched, {});
  const auto trail = registry.explain(request, kCandidatesListedMax);
  out["candidates"] = candidates_json(registry, trail, request);
  out["candidates_total"] = static_cast<::Json::UInt64>(trail.total);
  request.matched = matched;
  return route;
}

Json matched_json(const plugin::Matched& matched, const config::CompiledRoute& route) {
  Json out(::Json::objectValue);
  out["id"] = route.id;
  out["name"] = route.name;
  out["uri"] = text(matched.path);
  out["host"] = text(matched.host);
  out["enable_websocket"] = route.enable_websocket;
  Json& parameters = out["parameters"] = Json(::Json::objectValue);
  for (std::size_t i = 0; i < matched.parameter_count; ++i) {
    parameters[std::string(matched.parameters[i].name)] = text(matched.parameters[i].value);
  }
  return out;
}

Json named(std::string_view id, std::string_view name) {
  Json out(::Json::objectValue);
  out["id"] = text(id);
  out["name"] = text(name);
  return out;
}

// False: the request ends here.
bool merge_consumer(config::Registry& registry, const Question& question, const config::CompiledRoute& route,
                    plugin::RequestState& request, plugin::ChainRun& chains, Json& out) {
  if (question.consumer.empty()) return true;
  const auto consumer = registry.plugin_directory().consumers().find_by_name(question.consumer);
  if (!consumer) {
    out["notes"].append("there is no consumer " + question.consumer +
                        ": shown is what nobody in particular gets");
    return true;
  }
  plugin::RequestIdentity(request).attach(consumer);
  out["consumer"]["username"] = consumer->username;
  out["consumer"]["group_id"] = consumer->group_id;
  auto merged = registry.chain_with(route, consumer);
  if (!merged) {
    out["answer"] = response_json(503, merged.error().what);
    return false;
  }
  if (merged->get() != chains.route()) chains.set_route(std::move(*merged));
  return true;
}

void add_notes(const plugin::ChainRun& chains, const Question& question, Json& out) {
  Json& notes = out["notes"];
  bool authenticates = false;
  bool changes = false;
  for (const plugin::Chain* chain : {chains.global(), chains.route()}) {
    if (chain == nullptr) continue;
    for (const auto& link : chain->links()) authenticates |= link.conf->kind().info().is_auth;
    changes |= chain->has(plugin::Phase::kRewrite) || chain->has(plugin::Phase::kAccess) ||
               chain->has(plugin::Phase::kBeforeProxy);
  }
  if (authenticates && question.consumer.empty()) {
    notes.append(
        "an auth plugin finds out the consumer, whose plugins come over these: name one to see them");
  }
  if (changes) notes.append("no plugin was run: what they answer, rewrite or redirect is not shown");
  const std::string balancer = format::string_of(format::find_member(out["upstream"], "balancer"));
  if (balancer == "ewma" || balancer == "random") {
    notes.append("the node is drawn at random: this is the next draw of this worker");
  } else if (balancer == "roundrobin" || balancer == "least_conn") {
    notes.append("each worker has its own turns: this is the next node of the one that answered");
  }
}

// The listener's, where the URL names no port: the first of its kind.
std::uint16_t port_of(const settings::Settings& settings, bool is_tls) {
  const auto& listens = is_tls ? settings.apisix.ssl.listen : settings.apisix.node_listen;
  if (!listens.empty()) return listens.front().port;
  return is_tls ? 443 : 80;
}

}  // namespace

async::Task<Json> explain(event::Loop& loop, config::Registry& registry, const settings::Settings& settings,
                          Question question) {
  Json out = blank(registry);
  Probe probe(question, proxy::Options::from(settings), loop.clock(), port_of(settings, question.is_tls));
  if (probe.refused_status() != 0) {
    out["answer"] = response_json(probe.refused_status(), probe.refused_why());
    co_return out;
  }
  plugin::RequestState& request = probe.request();
  out["request"] = request_json(request);
  plugin::ChainRun chains(request);
  if (const auto& global = registry.global_chain()) chains.set_global(global);
  const auto route = match(registry, question, request, out);
  if (!route) {
    out["answer"] = response_json(404, "no route takes the request");
    out["plugins"] = running_plugins(registry, chains, request);
    add_notes(chains, question, out);
    co_return out;
  }
  out["route"] = matched_json(request.matched, *route);
  if (!route->service_id.empty()) out["service"] = named(route->service_id, route->service_name);
  if (route->runtime->failure != 0) {
    out["answer"] = response_json(route->runtime->failure, route->runtime->failure_reason);
    co_return out;
  }
  if (route->runtime->chain) chains.set_route(route->runtime->chain);
  if (merge_consumer(registry, question, *route, request, chains, out)) {
    out["plugins"] = running_plugins(registry, chains, request);
    out["plugins_left_out"] = left_out_plugins(registry, *route, request.identity.consumer.get());
    co_await add_upstream(loop, registry, *route, request, out);
  }
  add_notes(chains, question, out);
  co_return out;
}

}  // namespace apisix::diagnose
