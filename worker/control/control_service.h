// ControlService: the Control API's listener: for operators and programs on this machine, without
// authentication. It finds the endpoint; what is not in the table, or not under this method, is 404, as in
// APISIX. It shows what this worker serves with, not what the store says.
#pragma once

#include "worker/control/endpoint.h"

namespace apisix::control {

class ControlService final : public proxy::LocalService {
 public:
  explicit ControlService(const Deps& deps) : deps_(deps) {}

  async::Task<proxy::LocalResponse> serve(const proxy::LocalRequest& request) override;
  std::size_t body_bytes_max(const proxy::LocalRequest&) const override { return 64 * 1024; }

 private:
  const Deps deps_;
};

}  // namespace apisix::control
