// Pool: the upstream connections of one worker, idle ones by endpoint, the newest used first.
// It owns every Connection; an exchange leases one and gives it back (put) or away (drop).
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "worker/upstream/connection.h"

namespace apisix::upstream {

// keepalive_pool of an upstream, or nginx_config.http.upstream.
struct KeepaliveLimits {
  std::uint32_t idle_connections_max = 320;  // per worker and endpoint
  std::uint32_t requests_max = 1000;         // leases of one connection
  std::uint64_t idle_timeout_ms = 60'000;    // 0 = never kept
};

// The idle connections to one endpoint.
class HostPool {
 public:
  explicit HostPool(const Endpoint& endpoint) : endpoint_(endpoint) {}

  const Endpoint& endpoint() const { return endpoint_; }
  std::uint32_t idle() const { return idle_; }

 private:
  friend class Pool;
  Connection* newest() const { return by_age_.back(); }
  Connection* oldest() const { return by_age_.front(); }
  void push_newest(Connection& connection);
  void remove(Connection& connection);

  Endpoint endpoint_;
  base::List<Connection> by_age_;  // idle ones
  std::uint32_t idle_ = 0;
  std::uint32_t connections_ = 0;  // idle and leased: a pool with any is never forgotten
};

class Pool {
 public:
  explicit Pool(event::Loop& loop) : loop_(loop) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The newest idle connection to `endpoint`, leased to `user`, or nothing.
  Connection* take_idle(const Endpoint& endpoint, Connection::User& user);
  // Starts to connect; `user` gets the callback on_upstream_connected(). An error that is known at once is
  // returned.
  base::Result<Connection*> connect(const Endpoint& endpoint, Connection::User& user);

  // Back into the pool after a complete exchange; closed instead when `limits` say so.
  void put(Connection& connection, const KeepaliveLimits& limits);
  // Ends it. `reset`: with a reset, so that the node stops sending at once.
  void drop(Connection& connection, bool reset = false);

  // Drops the idle connections to an address that is gone (DNS), or all of them.
  void drop_idle(const base::IpAddress& ip);
  void drop_all_idle();

  // Room is needed: drops the oldest idle one of some endpoint. False: there is none.
  bool drop_one_idle();

  std::uint64_t idle() const { return idle_; }
  bool has_idle() const { return idle_ > 0; }
  std::uint64_t open() const { return open_; }

 private:
  friend class Connection;
  struct EndpointHash {
    std::size_t operator()(const Endpoint& endpoint) const;
  };
  HostPool& home_of(const Endpoint& endpoint);
  void forget_empty_hosts();
  void defer_delete(Connection& connection);

  event::Loop& loop_;
  std::unordered_map<Endpoint, HostPool, EndpointHash> hosts_;
  HostPool* last_used_ = nullptr;                       // most requests go where the one before went
  std::vector<std::unique_ptr<Connection>> graveyard_;  // closed in this turn
  std::uint64_t open_ = 0;
  std::uint64_t idle_ = 0;
};

}  // namespace apisix::upstream
