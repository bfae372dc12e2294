#include "privileged-agent/jobs/status_endpoint.h"

#include <fmt/format.h>

namespace apisix::agent {

std::string why_not_ready(const memory::StatusZone& status, std::uint32_t generation, int workers) {
  int reports = 0;
  std::string without;
  for (const memory::StatusSlot& slot : status.slots()) {
    if (slot.state.load() != memory::ChildState::kReady || slot.role.load() != memory::ChildRole::kWorker ||
        slot.generation.load() != generation) {
      continue;
    }
    ++reports;
    if (slot.applied_revision.get() == 0 && without.empty()) {
      without = fmt::format("worker id: {} has not received configuration", slot.index.load());
    }
  }
  if (reports != workers)
    return fmt::format("worker count: {} but status report count: {}", workers, reports);
  return without;
}

StatusEndpoint::StatusEndpoint(event::Loop& loop, const channel::AgentContext& context)
    : context_(context),
      server_(loop, context.sockets, channel::ListenSocket::Purpose::kStatus,
              [this](const SmallRequest& request) { return respond(request); }) {}

SmallResponse StatusEndpoint::respond(const SmallRequest& request) const {
  if (!request.path.starts_with("/status")) return small_page(404);
  if (request.path.starts_with("/status/ready")) {
    const std::string trouble = why_not_ready(context_.zones.status, context_.generation, context_.workers);
    if (!trouble.empty()) {
      return {503, "text/plain", fmt::format("{{\"error\":\"{}\",\"status\":\"error\"}}", trouble)};
    }
  }
  return {200, "text/plain", "{\"status\":\"ok\"}"};
}

}  // namespace apisix::agent
