// Pool: the upstream connections of one worker, idle ones by endpoint, the newest used first.
// It owns every Connection; an exchange leases one and gives it back (put) or away (drop). Where an endpoint
// may have only so many connections, openings wait in line.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "worker/upstream/connection.h"
#include "worker/upstream/exchange.h"
#include "worker/upstream/keepalive_limits.h"
#include "worker/upstream/tls_target.h"

namespace apisix::upstream {

class H2Pool;
class HostPool;

// What waits until its endpoint may have another connection. It leaves the line before it is destroyed.
class Waiter : private base::Link {
 public:
  // As in KeepaliveLimits.
  explicit Waiter(std::uint32_t connections_max) : connections_max_(connections_max) {}

 protected:
  ~Waiter() = default;

 private:
  friend class base::List<Waiter>;
  friend class Pool;
  friend class HostPool;
  // From the loop's ready queue: Pool::lease_from(home) has a connection now.
  virtual void on_turn(HostPool& home) = 0;

  const std::uint32_t connections_max_;
  HostPool* home_ = nullptr;  // whose line it is in
};

// Endpoints remembered without any connection before they are swept. Where so many are in use the next sweep
// comes when there are twice as many, so that none is paid for by each request.
inline constexpr std::size_t kEmptyHostsMax = 4096;

// The idle connections to one endpoint, and what waits for one.
class HostPool {
 public:
  explicit HostPool(const Endpoint& endpoint) : endpoint_(endpoint) {}

  const Endpoint& endpoint() const { return endpoint_; }
  // Null: plain.
  TlsHost* tls() const { return tls_.get(); }
  std::uint32_t idle() const { return idle_; }

 private:
  friend class Pool;
  Connection* newest() const { return by_age_.back(); }
  Connection* oldest() const { return by_age_.front(); }
  void push_newest(Connection& connection);
  void remove(Connection& connection);
  bool has_room_for(const Waiter& waiter) const {
    return idle_ > 0 || waiter.connections_max_ == 0 || connections_ < waiter.connections_max_;
  }
  void serve_line();
  bool is_unused() const { return connections_ == 0 && waiting_.empty() && !is_serving_; }

  Endpoint endpoint_;
  std::unique_ptr<TlsHost> tls_;
  base::List<Connection> by_age_;  // idle ones
  base::List<Waiter> waiting_;     // the first one is served first
  event::ReadyNode serves_;
  bool is_serving_ = false;
  std::uint32_t idle_ = 0;
  std::uint32_t connections_ = 0;  // idle and leased: a pool with any is never forgotten
};

class Pool final : public ExchangeOpener {
 public:
  explicit Pool(event::Loop& loop);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  base::Result<std::unique_ptr<Exchange>> open(const Opening& opening, Exchange::User& user) override;

  // An idle connection, or one that starts to connect. Null: `waiter` is in line for one.
  // `tls`: as in Opening.
  base::Result<Connection*> lease(const Endpoint& endpoint, Connection::User& user, Waiter& waiter,
                                  const TlsTarget* tls = nullptr);
  // The same for a waiter whose turn it is.
  base::Result<Connection*> lease_from(HostPool& home, Connection::User& user);
  // Without effect when it is in none. The one behind it may have room where it had none.
  void leave_line(Waiter& waiter);
  // The newest idle connection to `endpoint`, leased to `user`. Null: there is none, or others wait for it.
  Connection* take_idle(const Endpoint& endpoint, Connection::User& user, const TlsTarget* tls = nullptr);
  // Starts to connect; `user` gets the callback on_upstream_connected(). An error that is known at once is
  // returned.
  base::Result<Connection*> connect(const Endpoint& endpoint, Connection::User& user,
                                    const TlsTarget* tls = nullptr);

  // Back into the pool after a complete exchange; closed instead when `limits` say so.
  void put(Connection& connection, const KeepaliveLimits& limits);
  // Ends it. `reset`: with a reset, so that the node stops sending at once.
  void drop(Connection& connection, bool reset = false);

  // Drops the idle connections to an address that is gone (DNS), or all of them.
  void drop_idle(const base::IpAddress& ip);
  void drop_all_idle();

  // Room is needed: drops the oldest idle one of some endpoint. False: there is none.
  bool drop_one_idle();

  // Of all protocols. Not for each request: it walks over the endpoints that speak HTTP/2.
  std::uint64_t idle() const;
  bool has_idle() const { return idle_ > 0 || idle() > 0; }
  std::uint64_t open() const { return open_; }

  // What a read fills: its content is consumed or copied before the callback that read it returns.
  std::span<char> scratch() const;

 private:
  friend class HostPool;
  HostPool& home_of(const Endpoint& endpoint, const TlsTarget* tls) {
    if (tls != nullptr) return find_tls_home(endpoint, *tls);
    const bool is_last_used = last_used_ != nullptr && last_used_->endpoint() == endpoint;
    return is_last_used ? *last_used_ : find_home(endpoint);
  }
  HostPool& find_home(const Endpoint& endpoint);
  HostPool& find_tls_home(Endpoint endpoint, const TlsTarget& tls);
  Connection* take_idle(HostPool& home, Connection::User& user);
  base::Result<Connection*> connect(HostPool& home, Connection::User& user);
  // A connection was given back, or has ended.
  void serve_waiting(HostPool& home);
  void forget_empty_hosts();
  void defer_delete(Connection& connection);

  event::Loop& loop_;
  std::unordered_map<Endpoint, HostPool, EndpointHash> hosts_;
  std::size_t sweep_at_ = kEmptyHostsMax;
  HostPool* last_used_ = nullptr;                       // most requests go where the one before went
  std::vector<std::unique_ptr<Connection>> graveyard_;  // closed in this turn
  event::ReadyNode deletion_;                           // of those, at the turn's end
  const std::unique_ptr<char[]> scratch_;
  std::unique_ptr<H2Pool> h2_;  // which leases connections as exchanges do
  std::uint64_t open_ = 0;
  std::uint64_t idle_ = 0;
};

}  // namespace apisix::upstream
