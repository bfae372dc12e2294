// SmallServer: responds to short GETs on sockets of the agent: one request to a connection, which is closed
// behind it. For metrics and probes, not for clients: no bodies, no keepalive. Owned by the endpoint that
// responds. When there are too many connections the oldest one makes room. A long body comes from a source in
// slices of kSliceUs, with a pause behind each, so that what shares the core waits no longer than a slice.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>
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

// A body that is made while it is sent; one connection's.
struct BodySource {
  virtual ~BodySource() = default;
  // Appends a small piece, or does some of the work for the next one. False: that was all.
  virtual bool append(std::string& out) = 0;
};

struct SmallResponse {
  int status = 200;
  std::string_view type = "text/plain";
  std::string body;
  std::unique_ptr<BodySource> source = nullptr;  // what comes behind `body`
};

// nginx's page for a status.
SmallResponse small_page(int status);

class SmallServer {
 public:
  using Handler = std::function<SmallResponse(const SmallRequest&)>;
  // Of one connection in one turn, and how much of its body is held at most.
  static constexpr std::uint64_t kSliceUs = 300;
  static constexpr std::size_t kSliceBytes = 128 * 1024;

  // Of `sockets`, which stay open, those of this purpose.
  SmallServer(event::Loop& loop, std::span<const channel::ListenSocket> sockets,
              channel::ListenSocket::Purpose purpose, Handler handler);
  ~SmallServer();
  SmallServer(const SmallServer&) = delete;
  SmallServer& operator=(const SmallServer&) = delete;

  // The master said that this generation serves: from now on.
  void serve();
  // Takes no more connections; calls back when the last of those that are here has ended.
  void drain(std::function<void()> on_idle);
  bool is_idle() const { return exchanges_.empty(); }

 private:
  struct Port;
  class Exchange;

  void accept_on(int fd);
  // The oldest connection whose request is not there yet is closed, else the oldest. False: there is none.
  bool make_room();
  void end(Exchange& exchange);

  event::Loop& loop_;
  const Handler handler_;
  std::function<void()> on_idle_;  // draining
  std::vector<std::unique_ptr<Port>> ports_;
  std::list<std::unique_ptr<Exchange>> exchanges_;
};

}  // namespace apisix::agent
