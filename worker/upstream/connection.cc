#include "worker/upstream/connection.h"

#include <cerrno>

#include <sys/socket.h>

#include "worker/upstream/pool.h"

namespace apisix::upstream {

const char* to_string(Connection::State state) {
  switch (state) {
    case Connection::State::kConnecting:
      return "Connecting";
    case Connection::State::kLeased:
      return "Leased";
    case Connection::State::kIdle:
      return "Idle";
    case Connection::State::kClosed:
      return "Closed";
  }
  return "?";
}

Connection::Connection(event::Loop& loop, Pool& pool, HostPool& home, net::Socket socket)
    : pool_(pool),
      home_(home),
      transport_(loop, std::move(socket), &Connection::on_event, this),
      idle_timeout_(loop.timers(), &Connection::on_idle_timeout, this) {}

const Endpoint& Connection::endpoint() const {
  return home_.endpoint();
}

bool Connection::is_quiet() {
  return !transport_.has_pending() && !transport_.is_readable() && transport_.take_unsent().empty();
}

// Of an event that came in this turn the reason is not known yet: bytes or the end, neither was asked for.
bool Connection::has_unasked_input() const {
  if (transport_.has_pending() || transport_.is_readable()) return true;
  if (!checked_before_reuse_) [[likely]]
    return false;
  char byte = 0;
  return ::recv(transport_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void Connection::close(bool reset) {
  state_.move_to(State::kClosed);
  user_ = nullptr;
  idle_timeout_.cancel();
  transport_.close(reset);
}

void Connection::on_event(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<Connection*>(self);
  switch (connection.state()) {
    case State::kConnecting: {
      const int error_number = net::connect_error(connection.transport_.fd());
      if (error_number == 0) {
        connection.state_.move_to(State::kLeased);
        connection.transport_.want_read(true);
        connection.transport_.want_write(false);
      }
      connection.user_->on_upstream_connected(error_number);
      return;
    }
    case State::kLeased:
      if (writable) connection.user_->on_upstream_writable();
      if (readable && connection.state_ == State::kLeased) {
        connection.user_->on_upstream_readable();
        connection.transport_.report_pending();
      }
      return;
    case State::kIdle:  // the node closed it, or sends bytes without a request
      connection.pool_.drop(connection);
      return;
    case State::kClosed:
      return;
  }
}

void Connection::on_unsent(void* self, std::string_view rest, int error_number) {
  auto& connection = *static_cast<Connection*>(self);
  if (connection.state() == State::kLeased) return connection.user_->on_upstream_unsent(rest, error_number);
  connection.pool_.drop(connection, /*reset=*/true);
}

void Connection::on_idle_timeout(void* self) {
  auto& connection = *static_cast<Connection*>(self);
  connection.pool_.drop(connection);
}

}  // namespace apisix::upstream
