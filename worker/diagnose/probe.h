// Probe: a question as the request that a plugin, the router and the balancer see: head parsed, client
// address and target computed by the functions of the pipeline. Nothing is sent, and no plugin
// runs. Owned by the code that explains it.
#pragma once

#include <cstdint>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/base/clock.h"
#include "shared/net/tls_info.h"
#include "worker/diagnose/question.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/options.h"

namespace apisix::diagnose {

class Probe {
 public:
  // `port`: of the gateway, where the question names none.
  Probe(const Question& question, const proxy::Options& options, const base::Clock& clock,
        std::uint16_t port);

  // Not 0: the gateway responds with this status before it looks for a route.
  std::uint16_t refused_status() const { return refused_status_; }
  std::string_view refused_why() const { return refused_why_; }
  plugin::RequestState& request() { return request_; }

 private:
  base::Arena arena_;
  const net::TlsInfo tls_;  // of a question about https
  plugin::ClientInfo client_;
  plugin::RequestState request_;
  std::uint16_t refused_status_ = 0;
  std::string_view refused_why_;
};

}  // namespace apisix::diagnose
