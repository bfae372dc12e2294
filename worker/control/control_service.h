// ControlService: the Control API's listener.
#pragma once

#include "worker/proxy/local_service.h"

namespace apisix::control {

class ControlService final : public proxy::LocalService {
 public:
  async::Task<proxy::LocalAnswer> serve(const proxy::LocalRequest& request) override;
  std::size_t body_bytes_max(const proxy::LocalRequest&) const override { return 64 * 1024; }
};

}  // namespace apisix::control
