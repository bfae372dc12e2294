// What a request asks for, as routes and plugins see it: host, path and query of its head. Pure: the pipeline
// uses it for what clients send, the inspectors for requests that are explained.
#pragma once

#include <cstdint>

#include "worker/plugin/request_state.h"
#include "worker/proxy/options.h"

namespace apisix::proxy {

// Why a target is not served.
struct TargetFault {
  std::uint16_t status = 0;  // 0: it is served
  const char* what = "";     // for logs
  bool ends_connection = false;

  explicit operator bool() const { return status != 0; }
};

// Methods that a gateway does not forward: 405.
TargetFault find_method_fault(const http::RequestHead& head);

// Sets host, path, match_path and args of a request whose head is parsed. $uri: decoded, dot segments
// resolved, slashes merged. What is matched here is what is forwarded.
TargetFault normalize_target(plugin::RequestState& request, const Options& options);

}  // namespace apisix::proxy
