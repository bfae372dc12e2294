// Services: what one worker's requests share. Made once by worker_main(), of a registry that may be empty as
// yet; complete when it is built, outlives every connection.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "shared/event/loop.h"
#include "shared/http/date.h"
#include "shared/http/h1/request_parser.h"
#include "shared/memory/status_zone.h"
#include "shared/memory/traffic.h"
#include "worker/limits.h"
#include "worker/plugin/body_budget.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/client_group.h"
#include "worker/proxy/options.h"
#include "worker/upstream/pool.h"

namespace apisix::config {
class Registry;
}

namespace apisix::proxy {

class AccessLog;
class ClientConnection;
class ClientExchange;
class ClientTls;

// Every client connection of the worker, by purpose, for draining and for making room; and the place where
// closed connections and ended exchanges wait for the end of the turn, because their own callback is still on
// the stack.
class ConnectionList {
 public:
  // Each purpose has a budget of its own: clients of one cannot shut out those of another.
  ConnectionList(event::Loop& loop, const upstream::Pool& pool, std::uint64_t proxy_connections_max);
  ~ConnectionList();
  // Without a request at first.
  void add(ClientConnection& connection);
  void note_waiting(ClientConnection& connection);
  void note_busy(ClientConnection& connection);
  void defer_delete(ClientConnection& connection);
  void defer_delete(std::unique_ptr<ClientExchange> exchange);
  // The worker leaves: idle ones go soon, busy ones after their response.
  void drain();
  // It leaves now.
  void shut_down();
  // Closes and deletes all of them: before the listeners that they refer to go.
  void close_all();
  std::uint64_t size() const;
  // The most there were since the last call.
  std::uint64_t take_peak() { return std::exchange(peak_, size()); }

  // The budget is used up. Connections to upstreams count with the proxy's clients, as in nginx.
  bool is_full(ClientKind kind) const;
  bool has_waiting(ClientKind kind) const { return group(kind).waiting.size() > 0; }
  std::size_t waiting(ClientKind kind) const { return group(kind).waiting.size(); }
  std::uint64_t connections_max(ClientKind kind) const { return group(kind).connections_max; }
  // Closes the oldest connection without a request. False: there is none.
  bool make_room(ClientKind kind);
  // A descriptor is missing: any purpose's will do, its own first.
  bool make_room_anywhere(ClientKind kind);

 private:
  event::Loop& loop_;
  const upstream::Pool& pool_;
  std::array<ClientGroup, kClientKinds> groups_;
  ClientGroup& group(ClientKind kind) { return groups_[static_cast<std::size_t>(kind)]; }
  const ClientGroup& group(ClientKind kind) const { return groups_[static_cast<std::size_t>(kind)]; }
  ClientGroup& group_of(const ClientConnection& connection);
  template <typename Action>
  void for_each(Action action);
  void note_made_room(ClientKind kind);
  void report_made_room();
  void arm_deferred_delete();
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<std::unique_ptr<ClientExchange>> exchanges_;
  event::ReadyNode deletion_;  // of both, at the turn's end
  event::Timer report_;        // runs while connections were closed in the minute before
  std::uint64_t made_room_ = 0;
  std::uint64_t peak_ = 0;
};

// What Services are made of. All of it outlives them.
struct ServicesDeps {
  event::Loop& loop;
  const Options& options;
  config::Registry& registry;
  const memory::StatusZone& status;  // of all processes
  memory::ConnectionTallies& tallies;
  AccessLog* access_log = nullptr;          // null: off
  memory::TrafficMeter* traffic = nullptr;  // null: no counts by route and upstream
};

struct Services {
  explicit Services(const ServicesDeps& deps);
  ~Services();

  event::Loop& loop;
  const Options& options;
  upstream::Pool pool;
  upstream::ExchangeOpener* opener = &pool;
  plugin::BodyBudget bodies;  // that are held, for whatever reason
  ConnectionList connections;
  config::Registry& registry;
  AccessLog* const access_log;
  const memory::StatusZone& status;
  memory::ConnectionTallies& tallies;
  memory::TrafficMeter* const traffic;
  // For the listeners of a kind that speak TLS; null: none does. Set before they are made.
  ClientTls* tls_of(ClientKind kind) const { return tls[static_cast<std::size_t>(kind)]; }
  std::array<ClientTls*, kClientKinds> tls = {};
  bool draining = false;
  std::uint64_t next_connection_serial = 1;
  http::RequestLimits request_limits;
  http::DateCache date;

  // What a read from a client fills; its content is consumed or copied before the callback that read it
  // returns. Not the pool's, because finishing a response may read the client's next request in the same
  // turn.
  std::unique_ptr<char[]> client_scratch = std::make_unique<char[]>(limits::kScratchBytes);
};

// A descriptor is missing: closes something that is idle. False: nothing is.
bool free_descriptor(Services& services, ClientKind kind);

}  // namespace apisix::proxy
