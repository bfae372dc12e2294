// The connection counters as nginx's stub_status prints them: what /apisix/nginx_status returns, and what
// tools that watch nginx read.
#pragma once

#include <string>
#include <string_view>

#include "shared/base/ip.h"
#include "shared/memory/status_zone.h"

namespace apisix::memory {

inline constexpr std::string_view kStubStatusPath = "/apisix/nginx_status";

std::string stub_status_text(const Totals& totals);
// Only the machine itself may look: 127.0.0.0/24, as in APISIX.
bool may_see_stub_status(const base::IpAddress& client);

}  // namespace apisix::memory
