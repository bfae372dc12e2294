#include "worker/config/compile.h"

#include <cmath>

#include "shared/base/text.h"

namespace apisix::config {
namespace {

using format::find_member;
using format::Json;

std::uint64_t milliseconds(const Json& seconds) {
  return seconds.isNumeric() ? static_cast<std::uint64_t>(std::llround(seconds.asDouble() * 1000)) : 0;
}

std::uint16_t default_port(const std::string& scheme) {
  return scheme == "https" || scheme == "grpcs" ? 443 : 80;
}

// "host:port", "host", "[v6]:port" of the map form.
upstream::ClusterNode node_of(const std::string& address, std::uint16_t port) {
  const auto colon = address.rfind(':');
  const auto bracket = address.rfind(']');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  upstream::ClusterNode node;
  node.host = has_port ? address.substr(0, colon) : address;
  node.port =
      has_port
          ? base::parse_integer<std::uint16_t>(std::string_view(address).substr(colon + 1)).value_or(port)
          : port;
  return node;
}

std::vector<upstream::ClusterNode> nodes_of(const Json& nodes, std::uint16_t port) {
  std::vector<upstream::ClusterNode> out;
  if (nodes.isObject()) {
    for (auto entry = nodes.begin(); entry != nodes.end(); ++entry) {
      out.push_back(node_of(entry.name(), port));
      out.back().weight = entry->asUInt();
    }
  } else if (nodes.isArray()) {
    for (const Json& entry : nodes) {
      upstream::ClusterNode node;
      node.host = find_member(entry, "host").asString();
      const Json& own = find_member(entry, "port");
      node.port = own.isIntegral() ? static_cast<std::uint16_t>(own.asUInt()) : port;
      node.weight = find_member(entry, "weight").asUInt();
      node.priority =
          find_member(entry, "priority").isIntegral() ? find_member(entry, "priority").asInt() : 0;
      out.push_back(std::move(node));
    }
  }
  return out;
}

std::string text_or(const Json& value, const char* otherwise) {
  return value.isString() ? value.asString() : otherwise;
}

PassHost pass_host_of(const Json& value) {
  const std::string text = text_or(value, "pass");
  return text == "node" ? PassHost::kNode : text == "rewrite" ? PassHost::kRewrite : PassHost::kPass;
}

std::optional<upstream::KeepaliveLimits> keepalive_of(const Json& pool) {
  if (!pool.isObject()) return std::nullopt;
  upstream::KeepaliveLimits limits;
  if (const Json& size = find_member(pool, "size"); size.isIntegral())
    limits.idle_connections_max = size.asUInt();
  if (const Json& requests = find_member(pool, "requests"); requests.isIntegral()) {
    limits.requests_max = requests.asUInt();
  }
  if (const Json& idle = find_member(pool, "idle_timeout"); idle.isNumeric())
    limits.idle_timeout_ms = milliseconds(idle);
  return limits;
}

}  // namespace

std::optional<Timeouts> compile_timeouts(const Json& timeout) {
  if (!timeout.isObject()) return std::nullopt;
  return Timeouts{milliseconds(find_member(timeout, "connect")), milliseconds(find_member(timeout, "send")),
                  milliseconds(find_member(timeout, "read"))};
}

base::Result<base::Ref<const CompiledUpstream>> compile_upstream(const std::string& id, const Json& upstream,
                                                                 const upstream::ClusterWorld& world,
                                                                 std::uint64_t now_us) {
  auto compiled = base::make_counted<CompiledUpstream>();
  compiled->scheme = text_or(find_member(upstream, "scheme"), "http");
  if (compiled->scheme != "http") {
    return base::invalid("scheme \"" + compiled->scheme + "\" is not supported yet, only http");
  }
  compiled->pass_host = pass_host_of(find_member(upstream, "pass_host"));
  compiled->upstream_host = text_or(find_member(upstream, "upstream_host"), "");
  compiled->timeouts = compile_timeouts(find_member(upstream, "timeout"));
  if (const Json& retries = find_member(upstream, "retries"); retries.isIntegral())
    compiled->retries = retries.asUInt();
  compiled->retry_timeout_ms = milliseconds(find_member(upstream, "retry_timeout"));
  compiled->keepalive = keepalive_of(find_member(upstream, "keepalive_pool"));
  upstream::ClusterConfig cluster;
  cluster.id = id;
  cluster.type = text_or(find_member(upstream, "type"), "roundrobin");
  cluster.hash_on = upstream::parse_hash_on(text_or(find_member(upstream, "hash_on"), "vars"))
                        .value_or(upstream::HashOn::kVars);
  cluster.key = text_or(find_member(upstream, "key"), "");
  cluster.nodes = nodes_of(find_member(upstream, "nodes"), default_port(compiled->scheme));
  compiled->cluster = upstream::Cluster::make(cluster, world, now_us);
  return base::Ref<const CompiledUpstream>(compiled.get());
}

}  // namespace apisix::config
