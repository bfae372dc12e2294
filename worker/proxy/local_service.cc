#include "worker/proxy/local_service.h"

namespace apisix::proxy {

LocalAnswer LocalService::too_large(std::uint64_t) const {
  return {413, "application/json", "{\"error_msg\":\"request body is too large\"}\n", {}};
}

}  // namespace apisix::proxy
