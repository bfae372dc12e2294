// The DnsClient of the gateway: c-ares on the event loop. UDP with fall-back to TCP on truncation,
// retransmission with doubling timeouts over all name servers.
#pragma once

#include <cstdint>
#include <memory>

#include "shared/resolve/dns_client.h"

namespace apisix::event {
class Loop;
}

namespace apisix::resolve {

struct AresOptions {
  std::uint64_t timeout_ms = 2000;  // of the first transmission
  int tries = 2;                    // per name server
};

// The client has no name servers until set_servers(). Must not outlive the loop.
base::Result<std::unique_ptr<DnsClient>> make_ares_client(event::Loop& loop, const AresOptions& options);

}  // namespace apisix::resolve
