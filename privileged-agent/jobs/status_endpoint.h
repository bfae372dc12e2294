// StatusEndpoint: for those who ask whether the gateway lives and whether it is ready (apisix.status):
//
//   /status...      200 {"status":"ok"}
//   /status/ready   the same when every worker serves with a configuration, else 503 with "error"
#pragma once

#include <string>

#include "privileged-agent/small_server.h"
#include "shared/memory/status_zone.h"

namespace apisix::agent {

// Why a generation's workers are not ready, in APISIX's words; "" when they are.
std::string why_not_ready(const memory::StatusZone& status, std::uint32_t generation, int workers);

class StatusEndpoint {
 public:
  StatusEndpoint(event::Loop& loop, const channel::AgentContext& context);

  void serve() { server_.serve(); }
  SmallServer& server() { return server_; }

 private:
  SmallResponse respond(const SmallRequest& request) const;

  const channel::AgentContext& context_;
  SmallServer server_;
};

}  // namespace apisix::agent
