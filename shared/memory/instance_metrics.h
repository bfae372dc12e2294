// What the zones tell of the whole instance, in Prometheus' text format with APISIX's names: connections,
// requests, the node, shared memory; and everything that processes counted.
#pragma once

#include <string>
#include <string_view>

#include "shared/memory/zones.h"

namespace apisix::memory {

// All of it: `prefix` is plugin_attr.prometheus.metric_prefix. Families that processes count are named with
// it already.
std::string instance_metrics_text(const Zones& zones, std::string_view prefix,
                                  std::string_view hidden_key_prefix = {});

}  // namespace apisix::memory
