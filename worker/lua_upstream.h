// LuaUpstream: an upstream whose responses a function of Lua makes: `respond` of the module
// gateway.tool.upstream. For tests of plugins.
#pragma once

#include "worker/plugin/deps.h"
#include "worker/proxy/local_service.h"

namespace apisix::worker {

class LuaUpstream final : public proxy::LocalService {
 public:
  explicit LuaUpstream(plugin::Deps& deps) : deps_(deps) {}

  // What the function raises is a 500 with the error as its body.
  async::Task<proxy::LocalResponse> serve(const proxy::LocalRequest& request) override;
  std::size_t body_bytes_max(const proxy::LocalRequest&) const override { return std::size_t{64} << 20; }

 private:
  plugin::Deps& deps_;
};

}  // namespace apisix::worker
