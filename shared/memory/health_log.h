// What error.log says of nodes' health, in APISIX's words, which alerts of users match.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/ip.h"
#include "shared/memory/health_table.h"

namespace apisix::memory {

struct HealthSubject {
  std::string_view checker;  // "/apisix/routes/1"
  std::string_view hostname;
  base::IpAddress ip;
  std::uint16_t port = 0;
};

// A line for an event that counted, one more when it turned the node. Nothing for others.
void log_health(const HealthSubject& subject, HealthEvent event, std::uint8_t limit,
                const HealthTable::Report& report);

}  // namespace apisix::memory
