#include "worker/control/control_service.h"

namespace apisix::control {

async::Task<proxy::LocalAnswer> ControlService::serve(const proxy::LocalRequest&) {
  co_return proxy::page_answer(404);
}

}  // namespace apisix::control
