// What the zones tell of the whole instance, in Prometheus' text format with APISIX's names: connections,
// requests, the node, shared memory; and everything that processes and scripts counted.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/memory/metric_text.h"
#include "shared/memory/zones.h"

namespace apisix::memory {

// In slices, as MetricText: first what processes counted, then a part of the rest in each.
class InstanceMetrics {
 public:
  // `prefix` is plugin_attr.prometheus.metric_prefix. Families that processes count are named with it
  // already. The zones outlive it.
  InstanceMetrics(const Zones& zones, std::string_view prefix, std::string_view hidden_key_prefix)
      : zones_(zones), prefix_(prefix), hidden_key_prefix_(hidden_key_prefix), counted_(zones.metrics) {}

  // False: that was all.
  bool append(std::string& out, std::size_t series_max);

  static constexpr std::size_t kNamedZones = 7;

 private:
  bool append_rest(std::string& out);
  // Some of the pages. False: all zones are counted.
  bool count_free_pages();

  const Zones& zones_;
  const std::string prefix_;
  const std::string hidden_key_prefix_;
  MetricText counted_;
  bool is_counted_written_ = false;
  std::size_t part_ = 0;  // of the rest
  std::array<std::size_t, kNamedZones> free_bytes_{};
  std::size_t counted_zones_ = 0;
  std::size_t counted_bytes_ = 0;  // of the next zone
};

// All of it at once.
std::string instance_metrics_text(const Zones& zones, std::string_view prefix,
                                  std::string_view hidden_key_prefix = {});

}  // namespace apisix::memory
