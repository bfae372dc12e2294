// Services: what one worker's requests share. Made once by worker_main(), outlives every connection.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shared/event/loop.h"
#include "shared/http/date.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/h1/response_parser.h"
#include "shared/memory/status_zone.h"
#include "shared/memory/traffic.h"
#include "worker/limits.h"
#include "worker/plugin/request.h"
#include "worker/proxy/options.h"
#include "worker/upstream/pool.h"

namespace apisix::config {
class Registry;
}
namespace apisix::resolve {
class Resolver;
}

namespace apisix::proxy {

class AccessLog;
class ClientConnection;
class Stream;

// Every client connection of the worker, for draining; and the place where closed connections and ended
// streams wait for the end of the turn, because their own callback is still on the stack.
class ConnectionList {
 public:
  explicit ConnectionList(event::Loop& loop);
  ~ConnectionList();
  void add(ClientConnection& connection);
  void bury(ClientConnection& connection);
  void bury(std::unique_ptr<Stream> stream);
  // The worker leaves: idle ones go soon, busy ones after their response.
  void drain();
  // It leaves now.
  void part();
  // Closes and deletes all of them: before the listeners that they refer to go.
  void close_all();
  std::uint64_t size() const { return size_; }

 private:
  event::Loop& loop_;
  ClientConnection* first_ = nullptr;
  template <typename Action>
  void for_each(Action action);
  void arm_burial();
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::uint64_t size_ = 0;
};

struct Services {
  Services(event::Loop& loop, const Options& options, memory::ConnectionTallies& tallies);
  ~Services();

  event::Loop& loop;
  const Options& options;
  upstream::Pool pool;
  ConnectionList connections;
  config::Registry* registry = nullptr;
  resolve::Resolver* resolver = nullptr;
  AccessLog* access_log = nullptr;             // null: off
  const memory::StatusZone* status = nullptr;  // of all processes
  memory::ConnectionTallies& tallies;
  memory::TrafficMeter* traffic = nullptr;  // null: nobody counts by route and upstream
  bool draining = false;
  std::uint64_t next_connection_serial = 1;
  http::RequestLimits request_limits;
  http::ResponseLimits response_limits;
  http::DateCache date;

  // What a read fills; its content is consumed or copied before the callback that read it returns. One for
  // each direction, because finishing a response may read the client's next request in the same turn.
  std::unique_ptr<char[]> client_scratch = std::make_unique<char[]>(limits::kScratchBytes);
  std::unique_ptr<char[]> upstream_scratch = std::make_unique<char[]>(limits::kScratchBytes);
};

}  // namespace apisix::proxy
