#include "worker/diagnose/upstream_of.h"

#include "shared/async/awaiters.h"
#include "worker/config/registry.h"
#include "worker/proxy/chosen_upstream.h"
#include "worker/proxy/upstream_head.h"

namespace apisix::diagnose {
namespace {

using config::CompiledUpstream;
using format::Json;
using upstream::PickError;

constexpr unsigned kNodesListedMax = 256;

Json node_json(const CompiledUpstream& upstream, const upstream::Node& node) {
  Json out(::Json::objectValue);
  out["host"] = node.host;
  out["port"] = node.port;
  out["weight"] = node.weight;
  out["priority"] = node.priority;
  Json& addresses = out["addresses"] = Json(::Json::arrayValue);
  if (node.is_literal) addresses.append(node.address.to_string());
  if (node.is_name()) {
    for (const base::IpAddress& address : node.name->addresses()) addresses.append(address.to_string());
    if (!node.name->error().empty()) out["dns_error"] = node.name->error();
  }
  out["healthy"] = upstream.health ? Json(upstream.health->is_healthy(node)) : Json();
  return out;
}

std::string shown_source(const config::Registry& registry, std::string_view id) {
  const std::string& prefix = registry.options().prefix;
  if (id.starts_with(prefix)) id.remove_prefix(prefix.size());
  return std::string(id);
}

async::Task<upstream::ClusterPick> peek(event::Loop& loop, upstream::Cluster& cluster,
                                        upstream::PickContext context) {
  upstream::ClusterPick pick = cluster.peek(context);
  while (pick.error == PickError::kResolving) {
    async::Completion<bool> resolved(loop);
    upstream::ClusterWait wait([](void* self) { static_cast<async::Completion<bool>*>(self)->set(true); },
                               &resolved);
    cluster.wait_resolved(wait);
    co_await resolved;
    pick = cluster.peek(context);
  }
  co_return pick;
}

void add_response(Json& out, int status, std::string_view why) {
  out["answer"]["status"] = status;
  out["answer"]["why"] = std::string(why);
}

}  // namespace

async::Task<void> add_upstream(event::Loop& loop, const config::Registry& registry,
                               const config::CompiledRoute& route, plugin::RequestState& request, Json& out) {
  const proxy::ChosenUpstream chosen = proxy::choose_upstream(request, route);
  if (!chosen.upstream) {
    add_response(out, chosen.status, chosen.why);
    co_return;
  }
  upstream::Cluster& cluster = *chosen.upstream->cluster;
  Json& shown = out["upstream"] = Json(::Json::objectValue);
  shown["from"] = shown_source(registry, cluster.id());
  shown["balancer"] = std::string(cluster.balancer_name());
  shown["scheme"] = chosen.upstream->scheme;
  upstream::PickContext context;
  context.hash_key = proxy::hash_key_of(cluster, request);
  context.now_us = loop.clock().monotonic_us();
  if (cluster.needs_hash_key()) shown["hash_key"] = std::string(context.hash_key);
  const upstream::ClusterPick pick = co_await peek(loop, cluster, context);
  Json& nodes = shown["nodes"] = Json(::Json::arrayValue);
  for (const upstream::Node& node : cluster.nodes()) {
    if (nodes.size() == kNodesListedMax) break;
    nodes.append(node_json(*chosen.upstream, node));
  }
  shown["nodes_total"] = static_cast<::Json::UInt64>(cluster.node_count());
  shown["node"] = Json();
  if (!pick) {
    add_response(out, upstream::status_of(pick.error), upstream::text_of(pick.error));
    co_return;
  }
  shown["node"]["host"] = pick.node->host;
  shown["node"]["port"] = pick.port;
  shown["node"]["address"] = pick.address.to_string();
  proxy::set_upstream_target(request, *chosen.upstream, pick.node->host, pick.node->port);
  shown["sends"]["scheme"] = std::string(request.upstream.scheme);
  shown["sends"]["host"] = std::string(request.upstream.host);
  shown["sends"]["uri"] = std::string(request.upstream.uri);
}

}  // namespace apisix::diagnose
