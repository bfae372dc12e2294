// ToolHost: what the commands that run Lua (apisix lua test, repl ...) offer to it besides the API: the
// module gateway.host. Shared as deps.shared<ToolHost>(); in a gateway's workers nothing fills it in, and the
// functions of the module raise an error.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "shared/async/task.h"
#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "shared/format/json.h"
#include "shared/net/socket.h"
#include "worker/lua/state.h"
#include "worker/plugin/deps.h"

namespace apisix::lua {

struct ToolHost {
  explicit ToolHost(plugin::Deps&) {}

  struct AdminResponse {
    int status = 0;
    std::string body;
  };
  // A request to the Admin API, done when its change is in force. "PUT", "/routes/1".
  std::function<async::Task<AdminResponse>(std::string method, std::string path, std::string body)> admin;
  // A client's end of a new connection to the proxy, which sees this address.
  std::function<base::Result<net::Socket>(const base::IpAddress& client)> connect;
  // Where the upstream of tests listens, on 127.0.0.1.
  std::uint16_t upstream_port = 0;
  // What was written to the error log since the last call.
  std::function<std::string()> take_log;
};

// Calls `function` of `module`, in a Run of its own that may wait. What it returns; the error has the
// traceback.
async::Task<base::Result<format::Json>> call(base::Ref<State> state, std::string module, std::string function,
                                             format::Json argument);

}  // namespace apisix::lua
