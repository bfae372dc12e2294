#include "worker/upstream/h2_pool.h"

#include <algorithm>
#include <utility>

#include "worker/limits.h"

namespace apisix::upstream {
// --- one endpoint

H2Host::H2Host(H2Pool& pool, const Endpoint& endpoint, const TlsTarget* tls)
    : pool_(pool), endpoint_(endpoint), tls_(tls != nullptr ? std::make_unique<TlsHost>(*tls) : nullptr) {}

H2Host::~H2Host() {
  while (H2Connection* const connection = connections_.front()) connection->close();
}

base::Result<void> H2Host::place(H2Exchange& exchange) {
  H2Connection* connection = nullptr;
  if (waiting_.empty()) [[likely]] {
    const auto found = find_place(exchange.keepalive());
    if (!found) return std::unexpected(found.error());
    connection = *found;
  }
  if (connection != nullptr) {
    connection->add(exchange);
  } else {
    exchange.line_ = this;
    waiting_.push_back(exchange);
  }
  return {};
}

base::Result<H2Connection*> H2Host::find_place(const KeepaliveLimits& limits) {
  H2Connection* place = nullptr;
  connections_.for_each([&place](H2Connection& connection) {
    if (place == nullptr && connection.has_room()) place = &connection;
  });
  if (place != nullptr) return place;
  const bool may_grow = limits.connections_max == 0 || count_ < limits.connections_max;
  if (!may_grow || count_ >= limits::kH2ConnectionsPerNodeMax) return nullptr;
  auto made = std::make_unique<H2Connection>(pool_.loop(), pool_.pool(), *this);
  if (const auto connecting = made->connect(endpoint_, tls_.get()); !connecting)
    return std::unexpected(connecting.error());
  ++count_;
  connections_.push_back(*made);
  return made.release();
}

void H2Host::serve_later() {
  if (waiting_.empty()) [[likely]]
    return;
  pool_.loop().ready().push(serves_, [](void* self) { static_cast<H2Host*>(self)->serve_line(); }, this);
}

// One that finds no connection after all has failed: the next one is served.
void H2Host::serve_line() {
  is_serving_ = true;
  while (H2Exchange* const first = waiting_.front()) {
    const auto found = find_place(first->keepalive());
    if (found && *found == nullptr) break;
    waiting_.pop_front();
    first->line_ = nullptr;
    if (!found) {
      const bool is_ours = found.error().source == base::ErrorSource::kGateway;
      first->fail(is_ours ? Exchange::FailureKind::kNoConnection : Exchange::FailureKind::kConnect,
                  found.error().what);
      continue;
    }
    (*found)->add(*first);
    if (first->is_connected()) first->user_.on_connected();
  }
  is_serving_ = false;
}

void H2Host::forget(H2Connection& connection) {
  base::List<H2Connection>::remove(connection);
  --count_;
  pool_.defer_delete(connection);
}

H2Connection* H2Host::oldest_idle() const {
  H2Connection* found = nullptr;
  const_cast<base::List<H2Connection>&>(connections_).for_each([&found](H2Connection& connection) {
    if (found == nullptr && connection.is_idle()) found = &connection;
  });
  return found;
}

std::uint32_t H2Host::idle() const {
  std::uint32_t idle = 0;
  const_cast<base::List<H2Connection>&>(connections_).for_each([&idle](const H2Connection& connection) {
    if (connection.is_idle()) ++idle;
  });
  return idle;
}

void H2Host::limit_idle(std::uint32_t idle_max) {
  if (count_ <= idle_max) [[likely]]
    return;
  for (std::uint32_t idle = this->idle(); idle > idle_max; --idle) oldest_idle()->close();
}

bool H2Host::drop_one_idle() {
  H2Connection* const connection = oldest_idle();
  if (connection != nullptr) connection->close();
  return connection != nullptr;
}

void H2Host::drain() {
  connections_.for_each([](H2Connection& connection) { connection.drain(); });
}

// --- all of them

H2Pool::~H2Pool() {
  hosts_.clear();
}

base::Result<std::unique_ptr<Exchange>> H2Pool::open(const Opening& opening, Exchange::User& user) {
  auto exchange = std::make_unique<H2Exchange>(opening, user);
  if (const auto placed = home_of(opening.endpoint, opening.tls).place(*exchange); !placed)
    return std::unexpected(placed.error());
  return exchange;
}

// Where another server name has the same identity, the next number is this one's, as in the Pool.
H2Host& H2Pool::home_of(Endpoint endpoint, const TlsTarget* tls) {
  if (hosts_.size() >= sweep_at_) {
    std::erase_if(hosts_, [](const auto& entry) { return entry.second.is_unused(); });
    sweep_at_ = std::max(kEmptyHostsMax, 2 * hosts_.size());
  }
  for (;; ++endpoint.tls_identity) {
    if (tls != nullptr && endpoint.tls_identity == 0) continue;
    H2Host& host = hosts_.try_emplace(endpoint, *this, endpoint, tls).first->second;
    if (host.is_of(tls)) return host;
  }
}

// A callback of the connection may be on the stack: it is deleted when the turn ends.
void H2Pool::defer_delete(H2Connection& connection) {
  loop_.end_of_turn().push(
      deletion_, [](void* pool) { static_cast<H2Pool*>(pool)->graveyard_.clear(); }, this);
  graveyard_.emplace_back(&connection);
}

void H2Pool::drop_idle(const base::IpAddress& ip) {
  for (auto& [endpoint, host] : hosts_) {
    if (endpoint.ip == ip) host.drain();
  }
}

void H2Pool::drop_all_idle() {
  for (auto& [endpoint, host] : hosts_) {
    while (host.drop_one_idle()) continue;
  }
}

bool H2Pool::drop_one_idle() {
  for (auto& [endpoint, host] : hosts_) {
    if (host.drop_one_idle()) return true;
  }
  return false;
}

std::uint64_t H2Pool::idle() const {
  std::uint64_t idle = 0;
  for (const auto& [endpoint, host] : hosts_) idle += host.idle();
  return idle;
}

}  // namespace apisix::upstream
