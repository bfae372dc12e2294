#include "worker/control/control_service.h"

namespace apisix::control {

async::Task<proxy::LocalAnswer> ControlService::serve(const proxy::LocalRequest&) {
  co_return proxy::LocalAnswer{404, "application/json", "{\"error_msg\":\"not found\"}\n", {}};
}

}  // namespace apisix::control
