// The metrics of a zone in Prometheus' text format (0.0.4), families in the order of their registration.
#pragma once

#include <string>

#include "shared/memory/metric_zone.h"

namespace apisix::memory {

// Appends. `snapshot` is of `zone`.
void write_metrics_text(const MetricZone& zone, const MetricZone::Snapshot& snapshot, std::string& out);

// A number as the format wants it: shortest form, "+Inf", "-Inf", "NaN".
void append_number(std::string& out, double value);

}  // namespace apisix::memory
