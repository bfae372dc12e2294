// H2Pool: the HTTP/2 connections of one worker to its nodes. An exchange joins the first connection to its
// endpoint that has room; there is another one only when all are full, so that frames of many exchanges leave
// in one write. Where an endpoint may have only so many connections, exchanges wait in line. A part of the
// Pool, which owns the sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "shared/base/list.h"
#include "shared/event/loop.h"
#include "worker/upstream/exchange.h"
#include "worker/upstream/h2_connection.h"
#include "worker/upstream/h2_exchange.h"
#include "worker/upstream/pool.h"

namespace apisix::upstream {

class H2Pool;

// The connections to one endpoint, and what waits for room on one.
class H2Host {
 public:
  // `tls`: as in Opening.
  H2Host(H2Pool& pool, const Endpoint& endpoint, const TlsTarget* tls);
  ~H2Host();
  H2Host(const H2Host&) = delete;
  H2Host& operator=(const H2Host&) = delete;

  // Whether its connections are made in this way.
  bool is_of(const TlsTarget* tls) const {
    return tls == nullptr ? tls_ == nullptr : tls_ != nullptr && tls_->is_of(*tls);
  }
  // The exchange gets a place on a connection, or in line.
  base::Result<void> place(H2Exchange& exchange);
  void leave_line(H2Exchange& exchange) { base::List<H2Exchange>::remove(exchange); }

  // --- from its connections
  // There may be room where there was none.
  void serve_later();
  // More idle ones than this are closed, the oldest first.
  void limit_idle(std::uint32_t idle_max);
  void forget(H2Connection& connection);

  // --- for the pool
  std::uint32_t idle() const;
  bool drop_one_idle();
  void drain();
  bool is_unused() const { return connections_.empty() && waiting_.empty() && !is_serving_; }

 private:
  // Null: it has to wait.
  base::Result<H2Connection*> find_place(const KeepaliveLimits& limits);
  void serve_line();
  H2Connection* oldest_idle() const;

  H2Pool& pool_;
  const Endpoint endpoint_;
  const std::unique_ptr<TlsHost> tls_;    // null: plain
  base::List<H2Connection> connections_;  // the oldest first
  base::List<H2Exchange> waiting_;
  event::ReadyNode serves_;
  std::uint32_t count_ = 0;  // of connections_
  bool is_serving_ = false;
};

class H2Pool {
 public:
  H2Pool(event::Loop& loop, Pool& pool) : loop_(loop), pool_(pool) {}
  ~H2Pool();
  H2Pool(const H2Pool&) = delete;
  H2Pool& operator=(const H2Pool&) = delete;

  base::Result<std::unique_ptr<Exchange>> open(const Opening& opening, Exchange::User& user);

  // As the Pool's: to an address that is gone, all, or one. Those in use end behind their exchanges.
  void drop_idle(const base::IpAddress& ip);
  void drop_all_idle();
  bool drop_one_idle();
  std::uint64_t idle() const;

  // --- for its hosts
  event::Loop& loop() { return loop_; }
  Pool& pool() { return pool_; }
  void defer_delete(H2Connection& connection);

 private:
  H2Host& home_of(Endpoint endpoint, const TlsTarget* tls);

  event::Loop& loop_;
  Pool& pool_;
  std::unordered_map<Endpoint, H2Host, EndpointHash> hosts_;
  std::size_t sweep_at_ = kEmptyHostsMax;                 // as the Pool
  std::vector<std::unique_ptr<H2Connection>> graveyard_;  // closed in this turn
  event::ReadyNode deletion_;                             // of those, at the turn's end
};

}  // namespace apisix::upstream
