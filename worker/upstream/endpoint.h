// Endpoint: where a connection goes. Equal endpoints share pooled connections.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shared/base/ip.h"

namespace apisix::upstream {

struct Endpoint {
  base::IpAddress ip;
  std::uint16_t port = 0;
  std::uint64_t tls_identity = 0;  // 0 = plain; else TlsTarget::identity()

  bool operator==(const Endpoint&) const = default;
};

struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const;
};

}  // namespace apisix::upstream
