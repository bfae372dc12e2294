// Metrics that scripts keep in the dictionary "prometheus-metrics" (the module `prometheus` of Lua), in
// Prometheus' text format. An entry is a series ("name{a=\"b\"}") and its number; "# HELP name" and "# TYPE
// name" are texts.
#pragma once

#include <string>

#include "shared/memory/zones.h"

namespace apisix::memory {

// Appends nothing where there is no such dictionary, or it holds no metrics.
void append_script_metrics(const Zones& zones, std::string& out);

}  // namespace apisix::memory
