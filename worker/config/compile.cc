#include "worker/config/compile.h"

#include <utility>

namespace apisix::config {
namespace {

upstream::ClusterConfig cluster_config(const std::string& id, const resource::Upstream& upstream) {
  upstream::ClusterConfig config;
  config.id = id;
  config.type = upstream.type;
  config.hash_on = upstream.hash_on;
  config.key = upstream.key;
  config.nodes.reserve(upstream.nodes.size());
  for (const resource::UpstreamNode& node : upstream.nodes) {
    const std::uint16_t port = node.port != 0 ? node.port : resource::default_port(upstream.scheme);
    config.nodes.push_back({node.host, port, node.weight, node.priority});
  }
  return config;
}

bool speaks_http(resource::Scheme scheme) {
  switch (scheme) {
    case resource::Scheme::kHttp:
    case resource::Scheme::kHttps:
    case resource::Scheme::kGrpc:
    case resource::Scheme::kGrpcs:
      return true;
    default:
      return false;
  }
}

}  // namespace

base::Result<base::Ref<const CompiledUpstream>> compile_upstream(const std::string& id,
                                                                 const resource::Upstream& upstream,
                                                                 const upstream::ClusterDeps& deps,
                                                                 std::uint64_t now_us, UpstreamOwner owner,
                                                                 base::Ref<UpstreamTls> tls) {
  if (!speaks_http(upstream.scheme)) {
    return base::invalid("scheme \"" + std::string(resource::name_of(upstream.scheme)) +
                         "\" is not supported yet, only http, https, grpc and grpcs");
  }
  if (upstream.is_discovered()) return base::invalid("service discovery is not supported yet");
  auto compiled = base::make_counted<CompiledUpstream>();
  compiled->scheme = resource::name_of(upstream.scheme);
  compiled->is_of_plugin = owner == UpstreamOwner::kPlugin;
  compiled->tls = std::move(tls);
  compiled->pass_host = upstream.pass_host;
  compiled->upstream_host = upstream.upstream_host;
  compiled->timeouts = upstream.timeouts;
  compiled->retries = upstream.retries;
  compiled->retry_timeout_ms = upstream.retry_timeout_ms;
  if (upstream.keepalive_pool) {
    compiled->keepalive =
        upstream::KeepaliveLimits{upstream.keepalive_pool->size, upstream.keepalive_pool->requests,
                                  upstream.keepalive_pool->idle_timeout_ms};
  }
  compiled->cluster = upstream::Cluster::make(cluster_config(id, upstream), deps, now_us);
  if (upstream.checks && deps.health != nullptr) {
    compiled->health = std::make_unique<upstream::NodeHealth>(
        *deps.health, id, resource::parse_health_checks(*upstream.checks));
    compiled->cluster->set_health(compiled->health.get());
  }
  return base::Ref<const CompiledUpstream>(compiled.get());
}

}  // namespace apisix::config
