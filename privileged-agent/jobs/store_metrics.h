// StoreMetrics: how far the configuration is, as gauges in the metric zone, so that every process can export
// them: etcd_reachable, and etcd_modify_indexes with the greatest revision seen of each kind of object
// ("routes"), of all of them ("max_modify_index"), and of the store ("x_etcd_index").
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "privileged-agent/store_feed.h"
#include "shared/channel/child_context.h"
#include "shared/memory/metric_writer.h"

namespace apisix::agent {

class StoreMetrics {
 public:
  // Null where no metrics are exported, or the configuration is a file. The store outlives it; it becomes the
  // listener of the store's health.
  static std::unique_ptr<StoreMetrics> start(event::Loop& loop, store::Store& store,
                                             const channel::AgentContext& context);
  StoreMetrics(event::Loop& loop, store::Store& store, const std::string& store_prefix,
               const std::string& metric_prefix, memory::MetricWriter writer);

 private:
  static constexpr std::array<std::string_view, 8> kKinds = {
      "routes", "services", "ssls", "consumers", "upstreams", "global_rules", "stream_routes", "protos"};

  void note(std::string_view kind, store::Revision revision);
  void set_index(std::string_view key, store::Revision revision);

  memory::MetricWriter writer_;
  memory::FamilyId reachable_ = 0;
  memory::FamilyId indexes_ = 0;
  std::array<store::Revision, kKinds.size()> greatest_{};
  store::Revision greatest_of_all_ = 0;
  StoreFeed feed_;
};

}  // namespace apisix::agent
