// SmallServer: responds to short GETs on sockets of the agent: one request to a connection, which is closed
// behind it. For metrics and probes, not for clients: no bodies, no keepalive. Owned by the endpoint that
// answers. When there are too many connections the oldest one makes room.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/ip.h"
#include "shared/channel/child_context.h"
#include "shared/event/io_watch.h"
#include "shared/event/loop.h"

namespace apisix::agent {

struct SmallRequest {
  std::string_view method;
  std::string_view path;  // as sent, without the query
  base::IpAddress peer_ip;
};

struct SmallResponse {
  int status = 200;
  std::string_view type = "text/plain";
  std::string body;
};

// nginx's page for a status.
SmallResponse small_page(int status);

class SmallServer {
 public:
  using Handler = std::function<SmallResponse(const SmallRequest&)>;

  // Of the context's sockets, those of this purpose.
  SmallServer(event::Loop& loop, const channel::AgentContext& context, channel::ListenSocket::Purpose purpose,
              Handler handler);
  ~SmallServer();
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  // The master said that this generation serves: from now on.
  void serve();

 private:
  struct Port;
  class Exchange;

  void accept_on(int fd);
  // The oldest connection whose request is not there yet is closed, else the oldest. False: there is none.
  bool make_room();
  void end(Exchange& exchange);
  std::string respond(std::string_view head, const base::IpAddress& peer_ip) const;

  event::Loop& loop_;
  const Handler handler_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::list<std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace apisix::agent
