#include "privileged-agent/jobs/metrics_endpoint.h"

#include "shared/memory/instance_metrics.h"
#include "shared/memory/stub_status.h"
#include "shared/settings/shown_key.h"

namespace apisix::agent {

MetricsEndpoint::MetricsEndpoint(event::Loop& loop, const channel::AgentContext& context)
    : context_(context),
      export_uri_(context.settings.prometheus.export_uri),
      server_(loop, context, channel::ListenSocket::Purpose::kMetrics,
              [this](const SmallRequest& request) { return respond(request); }) {}

SmallResponse MetricsEndpoint::respond(const SmallRequest& request) const {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == memory::kStubStatusPath) {
    if (!memory::may_see_stub_status(request.peer_ip)) return small_page(403);
    if (!reads) return small_page(405);
    return {200, "text/plain", memory::stub_status_text(context_.zones.status.totals())};
  }
  if (!reads || request.path != export_uri_) {
    return {404, "text/plain", "{\"error_msg\":\"404 Not Found\"}\n"};
  }
  return {200, "text/plain; version=0.0.4; charset=utf-8",
          memory::instance_metrics_text(context_.zones, context_.settings.prometheus.metric_prefix,
                                        settings::hidden_key_prefix(context_.settings))};
}

}  // namespace apisix::agent
