// The addresses that config.yaml asks for: node_listen, ssl.listen, admin, control, status, metrics, streams;
// and that no two of them want the same port.
#pragma once

#include "shared/settings/report.h"
#include "shared/settings/settings.h"

namespace apisix::settings {

// Fills every Listen of `settings` from the merged configuration. Uses enable_ipv6, enable_http2,
// enable_admin, enable_control, ssl.enable, http_enabled, stream_enabled and the role, which must be set
// before. Faults: bad addresses, ports, ranges, and conflicts.
void read_listeners(const Json& merged, Settings& settings, Report& report);

}  // namespace apisix::settings
