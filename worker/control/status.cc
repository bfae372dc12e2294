// The whole instance, as `apisix status --json` shows it: its processes, their states and configuration.
#include "shared/inspect/instance.h"
#include "worker/control/endpoints.h"

namespace apisix::control {

// docs/COMMANDS.md lists the fields.
ResponseTask status(const Call& call) {
  const auto instance = inspect::read_instance(call.deps.zones.status, call.deps.loop.clock().wall_ms());
  co_return proxy::json_response(200, inspect::to_json(instance));
}

}  // namespace apisix::control
