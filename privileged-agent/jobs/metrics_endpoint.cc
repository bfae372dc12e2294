#include "privileged-agent/jobs/metrics_endpoint.h"

#include "shared/memory/instance_metrics.h"
#include "shared/memory/stub_status.h"
#include "shared/settings/shown_key.h"

namespace apisix::agent {

namespace {

// Few enough that a slice of the server ends about when it should: histograms have a score of lines each.
constexpr std::size_t kSeriesAtOnce = 16;

class Export final : public BodySource {
 public:
  explicit Export(const channel::AgentContext& context)
      : metrics_(context.zones, context.settings.prometheus.metric_prefix,
                 settings::hidden_key_prefix(context.settings)) {}
  bool append(std::string& out) override { return metrics_.append(out, kSeriesAtOnce); }

 private:
  memory::InstanceMetrics metrics_;
};

}  // namespace

MetricsEndpoint::MetricsEndpoint(event::Loop& loop, const channel::AgentContext& context)
    : context_(context),
      export_uri_(context.settings.prometheus.export_uri),
      server_(loop, context.sockets, channel::ListenSocket::Purpose::kMetrics,
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
  return {200, "text/plain; version=0.0.4; charset=utf-8", {}, std::make_unique<Export>(context_)};
}

}  // namespace apisix::agent
