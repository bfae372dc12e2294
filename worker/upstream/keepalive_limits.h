// KeepaliveLimits: keepalive_pool of an upstream, or nginx_config.http.upstream.
#pragma once

#include <cstdint>

namespace apisix::upstream {

struct KeepaliveLimits {
  std::uint32_t idle_connections_max = 320;  // per worker and endpoint
  std::uint32_t requests_max = 1000;         // leases of one connection
  std::uint64_t idle_timeout_ms = 60'000;    // 0 = never kept
  std::uint32_t connections_max = 0;         // open ones, per worker and endpoint; 0 = any number
};

}  // namespace apisix::upstream
