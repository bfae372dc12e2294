// Names to addresses for cosockets, by the worker's resolver: never blocking, shared with upstreams.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/async/task.h"
#include "shared/base/ip.h"
#include "worker/lua/state.h"

namespace apisix::lua {

struct HostAddresses {
  std::vector<base::IpAddress> addresses;  // not empty unless there is an error
  std::string error = {};                  // "(3: Host not found)": nginx's number and text
  std::string reason = {};                 // the same in the resolver's words
};

// A literal address needs no wait.
std::optional<base::IpAddress> literal_address(std::string_view host);
// `state` is not used behind the first wait.
async::Task<HostAddresses> resolve_host(State& state, std::string host, std::uint64_t timeout_ms);

}  // namespace apisix::lua
