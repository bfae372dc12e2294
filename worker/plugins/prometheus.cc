// prometheus: counts requests for the export server of the agent, and for the public API of the same metrics.
#include <array>

#include "shared/format/read.h"
#include "shared/memory/instance_metrics.h"
#include "worker/plugin/plugin.h"
#include "worker/plugin/request_metrics.h"

namespace apisix::plugins {
namespace {

using format::find_member;
using format::Json;

class Prometheus final : public plugin::Plugin {
 public:
  static constexpr plugin::PluginInfo kInfo{
      .name = "prometheus", .priority = 500, .version = 0.2, .prefers_route = true};

  static plugin::Step serve(plugin::Request& request, plugin::Deps& deps) {
    const Json& prefix = find_member(find_member(deps.plugin_attr, "prometheus"), "metric_prefix");
    return request.reject(200, memory::instance_metrics_text(
                                   *deps.zones, prefix.isString() ? format::string_of(prefix) : "apisix_",
                                   deps.hidden_key_prefix));
  }
  static constexpr auto kPublicApis = std::to_array<plugin::PublicApi>(
      {{"GET", "/apisix/prometheus/metrics", &Prometheus::serve, "export_uri"}});

  Prometheus(const plugin::Conf& conf, const plugin::BuildContext& context)
      : metrics_(context.deps.shared<plugin::RequestMetrics>()), prefer_name_(conf.flag("prefer_name")) {}

  void log(plugin::Request& request) override { metrics_.count(request, prefer_name_); }

 private:
  plugin::RequestMetrics& metrics_;
  const bool prefer_name_;
};

}  // namespace

const plugin::PluginKind& prometheus = plugin::define<Prometheus>();

}  // namespace apisix::plugins
