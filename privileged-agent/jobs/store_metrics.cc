#include "privileged-agent/jobs/store_metrics.h"

#include <algorithm>

#include "shared/base/log.h"

namespace apisix::agent {

std::unique_ptr<StoreMetrics> StoreMetrics::start(event::Loop& loop, store::Store& store,
                                                  const channel::AgentContext& context) {
  const settings::Settings& settings = context.settings;
  const bool is_counted = std::ranges::find(settings.plugins, "prometheus") != settings.plugins.end();
  if (!is_counted || settings::reads_configuration_file(settings)) return nullptr;
  return std::make_unique<StoreMetrics>(
      loop, store, settings.deployment.etcd.prefix, settings.prometheus.metric_prefix,
      memory::MetricWriter(context.zones.metrics, context.zones.owner_of(context.slot)));
}

StoreMetrics::StoreMetrics(event::Loop& loop, store::Store& store, const std::string& store_prefix,
                           const std::string& metric_prefix, memory::MetricWriter writer)
    : writer_(std::move(writer)),
      feed_(loop, store, store_prefix,
            {.on_put =
                 [this](std::string_view kind, const store::Item& item) {
                   note(kind, item.mod_revision);
                   return false;
                 },
             .on_erased = [](const std::string&) {},
             .on_whole = {},
             .on_revision =
                 [this](store::Revision revision) {
                   set_index("prev_index", revision);
                   set_index("x_etcd_index", revision);
                 }}) {
  const std::string names[] = {metric_prefix + "etcd_reachable", metric_prefix + "etcd_modify_indexes"};
  const auto reachable =
      writer_.add_family({.type = memory::MetricType::kGauge,
                          .name = names[0],
                          .help = "Config server etcd reachable from APISIX, 0 is unreachable",
                          .bounds = {}});
  const auto indexes = writer_.add_family({.type = memory::MetricType::kGauge,
                                           .name = names[1],
                                           .help = "Etcd modify index for APISIX keys",
                                           .bounds = {}});
  if (!reachable || !indexes) {
    base::log_error("no metrics of the store: {}", (reachable ? indexes : reachable).error().what);
  }
  reachable_ = reachable.value_or(0);
  indexes_ = indexes.value_or(0);
  for (const std::string_view kind : kKinds) set_index(kind, 0);
  const auto show = [this](const store::StoreHealth& health) {
    writer_.set(reachable_, "", health.connected ? 1 : 0);
  };
  show(store.health());
  store.on_health(show);
}

void StoreMetrics::note(std::string_view kind, store::Revision revision) {
  const auto found = std::ranges::find(kKinds, kind);
  if (found == kKinds.end()) return;
  store::Revision& greatest = greatest_[static_cast<std::size_t>(found - kKinds.begin())];
  if (revision <= greatest) return;
  set_index(kind, greatest = revision);
  if (revision > greatest_of_all_) set_index("max_modify_index", greatest_of_all_ = revision);
}

void StoreMetrics::set_index(std::string_view key, store::Revision revision) {
  std::string labels;
  memory::append_label(labels, "key", key);
  writer_.set(indexes_, labels, static_cast<double>(revision));
}

}  // namespace apisix::agent
