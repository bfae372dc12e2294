#include "worker/upstream/pool.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <xxhash.h>

#include "shared/base/check.h"
#include "worker/limits.h"
#include "worker/upstream/h1_exchange.h"
#include "worker/upstream/h2_pool.h"

namespace apisix::upstream {
void HostPool::push_newest(Connection& connection) {
  by_age_.push_back(connection);
  ++idle_;
}

void HostPool::remove(Connection& connection) {
  by_age_.remove(connection);
  --idle_;
}

// A waiter that finds no connection after all has failed: the next one is served.
void HostPool::serve_line() {
  is_serving_ = true;
  while (!waiting_.empty() && has_room_for(*waiting_.front())) {
    Waiter& first = *waiting_.pop_front();
    first.home_ = nullptr;
    first.on_turn(*this);
  }
  is_serving_ = false;
}

std::size_t EndpointHash::operator()(const Endpoint& endpoint) const {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, endpoint.ip.bytes().data(), 8);
  std::memcpy(&low, endpoint.ip.bytes().data() + 8, 8);
  const std::uint64_t words[4] = {high, low, endpoint.port, endpoint.tls_identity};
  return XXH3_64bits(words, sizeof words);
}

Pool::Pool(event::Loop& loop)
    : loop_(loop),
      scratch_(std::make_unique_for_overwrite<char[]>(limits::kScratchBytes)),
      h2_(std::make_unique<H2Pool>(loop, *this)) {}

Pool::~Pool() {
  h2_.reset();
  for (auto& [endpoint, host] : hosts_) {
    while (host.newest() != nullptr) drop(*host.newest());
  }
}

std::span<char> Pool::scratch() const {
  return {scratch_.get(), limits::kScratchBytes};
}

HostPool& Pool::find_home(const Endpoint& endpoint) {
  if (hosts_.size() >= sweep_at_) forget_empty_hosts();
  last_used_ = &hosts_.try_emplace(endpoint, endpoint).first->second;
  return *last_used_;
}

// Where another server name has the same identity, the next number is this one's.
HostPool& Pool::find_tls_home(Endpoint endpoint, const TlsTarget& tls) {
  for (;; ++endpoint.tls_identity) {
    if (endpoint.tls_identity == 0) continue;
    const bool is_last_used = last_used_ != nullptr && last_used_->endpoint() == endpoint;
    HostPool& home = is_last_used ? *last_used_ : find_home(endpoint);
    if (home.tls_ == nullptr) home.tls_ = std::make_unique<TlsHost>(tls);
    if (home.tls_->is_of(tls)) return home;
  }
}

void Pool::forget_empty_hosts() {
  std::erase_if(hosts_, [](const auto& entry) { return entry.second.is_unused(); });
  last_used_ = nullptr;
  sweep_at_ = std::max(kEmptyHostsMax, 2 * hosts_.size());
}

base::Result<std::unique_ptr<Exchange>> Pool::open(const Opening& opening, Exchange::User& user) {
  if (opening.protocol == http::Protocol::k2) [[unlikely]]
    return h2_->open(opening, user);
  if (opening.protocol != http::Protocol::k11) [[unlikely]] {
    return base::fail(base::ErrorCode::kInternal, base::ErrorSource::kGateway,
                      "no exchange in " + std::string(http::protocol_text(opening.protocol)));
  }
  auto exchange = std::make_unique<H1Exchange>(*this, opening, user);
  if (const auto started = exchange->start(opening); !started) return std::unexpected(started.error());
  return exchange;
}

base::Result<Connection*> Pool::lease(const Endpoint& endpoint, Connection::User& user, Waiter& waiter,
                                      const TlsTarget* tls) {
  HostPool& home = home_of(endpoint, tls);
  if (!home.waiting_.empty() || !home.has_room_for(waiter)) [[unlikely]] {
    waiter.home_ = &home;
    home.waiting_.push_back(waiter);
    return nullptr;
  }
  return lease_from(home, user);
}

base::Result<Connection*> Pool::lease_from(HostPool& home, Connection::User& user) {
  if (Connection* const idle = take_idle(home, user)) return idle;
  return connect(home, user);
}

void Pool::serve_waiting(HostPool& home) {
  if (home.waiting_.empty()) [[likely]]
    return;
  loop_.ready().push(
      home.serves_, [](void* context) { static_cast<HostPool*>(context)->serve_line(); }, &home);
}

void Pool::leave_line(Waiter& waiter) {
  HostPool* const home = std::exchange(waiter.home_, nullptr);
  if (home == nullptr) [[likely]]
    return;
  home->waiting_.remove(waiter);
  serve_waiting(*home);
}

Connection* Pool::take_idle(const Endpoint& endpoint, Connection::User& user, const TlsTarget* tls) {
  HostPool& home = home_of(endpoint, tls);
  return home.waiting_.empty() ? take_idle(home, user) : nullptr;
}

base::Result<Connection*> Pool::connect(const Endpoint& endpoint, Connection::User& user,
                                        const TlsTarget* tls) {
  return connect(home_of(endpoint, tls), user);
}

Connection* Pool::take_idle(HostPool& home, Connection::User& user) {
  Connection* connection = home.newest();
  while (connection != nullptr && connection->has_unasked_input()) {
    drop(*connection);
    connection = home.newest();
  }
  if (connection == nullptr) return nullptr;
  connection->checked_before_reuse_ = false;
  home.remove(*connection);
  --idle_;
  connection->state_.move_to(Connection::State::kLeased);
  connection->user_ = &user;
  ++connection->leases_;
  connection->idle_timeout_.cancel();
  return connection;
}

base::Result<Connection*> Pool::connect(HostPool& home, Connection::User& user) {
  const Endpoint& endpoint = home.endpoint();
  sockaddr_storage address{};
  const socklen_t length = endpoint.ip.to_sockaddr(endpoint.port, address);
  auto socket = net::start_connect(address, length);
  if (!socket) return std::unexpected(socket.error());
  auto connection = std::make_unique<Connection>(loop_, *this, home, std::move(*socket));
  if (home.tls_ != nullptr) {
    if (const auto status = connection->prepare_tls(*home.tls_); !status)
      return std::unexpected(status.error());
  }
  ++home.connections_;
  ++open_;
  connection->user_ = &user;
  connection->start_watch();
  return connection.release();
}

void Pool::put(Connection& connection, const KeepaliveLimits& limits) {
  CHECK(connection.state_ == Connection::State::kLeased);
  // Bytes that are here already were not asked for.
  if (connection.leases_ >= limits.requests_max || limits.idle_timeout_ms == 0 ||
      limits.idle_connections_max == 0 || !connection.is_quiet()) {
    drop(connection);
    return;
  }
  HostPool& home = connection.home_;
  while (home.idle_ >= limits.idle_connections_max) drop(*home.oldest());
  connection.state_.move_to(Connection::State::kIdle);
  connection.user_ = nullptr;
  if (!connection.transport_.wants_read()) connection.transport_.want_read(true);
  if (connection.transport_.wants_write()) connection.transport_.want_write(false);
  connection.idle_timeout_.set_after_ms(limits.idle_timeout_ms);
  home.push_newest(connection);
  ++idle_;
  serve_waiting(home);
}

void Pool::drop(Connection& connection, bool reset) {
  if (connection.state_ == Connection::State::kClosed) return;
  if (connection.state_ == Connection::State::kIdle) {
    connection.home_.remove(connection);
    --idle_;
  }
  --connection.home_.connections_;
  --open_;
  connection.close(reset);
  serve_waiting(connection.home_);
  defer_delete(connection);
}

// A callback of the connection may be on the stack: it is deleted when the turn ends.
void Pool::defer_delete(Connection& connection) {
  loop_.end_of_turn().push(deletion_, [](void* pool) { static_cast<Pool*>(pool)->graveyard_.clear(); }, this);
  graveyard_.emplace_back(&connection);
}

void Pool::drop_idle(const base::IpAddress& ip) {
  for (auto& [endpoint, host] : hosts_) {
    if (!(endpoint.ip == ip)) continue;
    while (host.newest() != nullptr) drop(*host.newest());
  }
  h2_->drop_idle(ip);
}

void Pool::drop_all_idle() {
  for (auto& [endpoint, host] : hosts_) {
    while (host.newest() != nullptr) drop(*host.newest());
  }
  h2_->drop_all_idle();
}

std::uint64_t Pool::idle() const {
  return idle_ + h2_->idle();
}

bool Pool::drop_one_idle() {
  if (idle_ == 0) return h2_->drop_one_idle();
  for (auto& [endpoint, host] : hosts_) {
    if (host.oldest() == nullptr) continue;
    drop(*host.oldest());
    return true;
  }
  return false;
}

}  // namespace apisix::upstream
