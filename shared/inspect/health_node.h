// A checked node as APISIX's Control API shows it. The same for `apisix health --json` and GET
// /v1/healthcheck.
#pragma once

#include "shared/format/json.h"
#include "shared/memory/health_table.h"

namespace apisix::inspect {

// {"ip", "port", "hostname", "status", "counter": {"success", "http_failure", "tcp_failure",
// "timeout_failure"}}
format::Json health_node(const memory::HealthTable::Target& node);

}  // namespace apisix::inspect
