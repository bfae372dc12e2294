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
      transport_(std::move(socket)),
      watch_(loop, &Connection::on_event, this),
      idle_timeout_(loop.timers(), &Connection::on_idle_timeout, this) {}

const Endpoint& Connection::endpoint() const {
  return home_.endpoint();
}

void Connection::start_watch() {
  watch_.start(transport_.fd(), /*read=*/false, /*write=*/true);
}

void Connection::want_read(bool on) {
  watch_.want_read(on);
  report_pending();
}

void Connection::report_pending() {
  if (transport_.has_pending()) watch_.report_readable();
}

bool Connection::has_unasked_input() const {
  if (transport_.has_pending()) return true;
  char byte = 0;
  return ::recv(transport_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

void Connection::close(bool reset) {
  state_.move_to(State::kClosed);
  user_ = nullptr;
  idle_timeout_.cancel();
  watch_.stop();
  transport_.close(reset);
}

void Connection::on_event(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<Connection*>(self);
  switch (connection.state()) {
    case State::kConnecting: {
      const int error_number = net::connect_error(connection.transport_.fd());
      if (error_number == 0) {
        connection.state_.move_to(State::kLeased);
        connection.watch_.want_read(true);
        connection.watch_.want_write(false);
      }
      connection.user_->on_upstream_connected(error_number);
      return;
    }
    case State::kLeased:
      if (writable) connection.user_->on_upstream_writable();
      if (readable && connection.state_ == State::kLeased) {
        connection.user_->on_upstream_readable();
        connection.report_pending();
      }
      return;
    case State::kIdle:  // the node closed it, or sends bytes without a request
      connection.pool_.drop(connection);
      return;
    case State::kClosed:
      return;
  }
}

void Connection::on_idle_timeout(void* self) {
  auto& connection = *static_cast<Connection*>(self);
  connection.pool_.drop(connection);
}

}  // namespace apisix::upstream
