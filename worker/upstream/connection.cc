#include "worker/upstream/connection.h"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "worker/upstream/pool.h"

namespace apisix::upstream {

const char* to_string(Connection::State state) {
  switch (state) {
    case Connection::State::kConnecting:
      return "Connecting";
    case Connection::State::kHandshaking:
      return "Handshaking";
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

base::Status Connection::prepare_tls(TlsHost& host) {
  auto session = host.context->start_session(
      transport_.fd(), {.server_name = host.server_name, .alpn = host.alpn, .resumption = &host.resumption});
  if (!session) return std::unexpected(session.error());
  transport_.start_tls(std::move(*session));
  return {};
}

void Connection::on_connected() {
  if (const int error_number = net::connect_error(transport_.fd()); error_number != 0)
    return user_->on_upstream_connected(error_number);
  transport_.want_read(true);
  transport_.want_write(false);
  if (home_.tls() == nullptr) return on_ready();
  state_.move_to(State::kHandshaking);
  continue_handshake();
}

void Connection::continue_handshake() {
  const net::IoResult result = transport_.handshake();
  if (result.kind == net::IoResult::Kind::kAgain) return transport_.want_write(transport_.tls_wants_write());
  if (!result.done()) return fail_handshake(result);
  transport_.want_write(false);
  on_ready();
}

void Connection::on_ready() {
  state_.move_to(State::kLeased);
  user_->on_upstream_connected(0);
  if (state_ == State::kLeased) transport_.report_pending();  // bytes that came behind the handshake
}

// In nginx's words. A session that was to be resumed may be the reason.
void Connection::fail_handshake(const net::IoResult& result) {
  home_.tls()->resumption.forget();
  const bool is_closed = result.kind == net::IoResult::Kind::kClosed || result.error_number != EPROTO;
  const std::string reason(transport_.error_text(result.error_number));
  failure_text_ =
      (is_closed ? "peer closed connection in SSL handshake (" : "SSL_do_handshake() failed (SSL: ") +
      reason + ") while SSL handshaking to upstream";
  user_->on_upstream_connected(EPROTO);
}

// The node closed it, or sends bytes without a request. TLS may have taken them for itself.
void Connection::on_idle_event() {
  std::array<char, 1> byte;
  if (home_.tls() != nullptr && transport_.read(byte).kind == net::IoResult::Kind::kAgain) return;
  pool_.drop(*this);
}

void Connection::on_event(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<Connection*>(self);
  switch (connection.state()) {
    case State::kConnecting:
      return connection.on_connected();
    case State::kHandshaking:
      return connection.continue_handshake();
    case State::kLeased:
      if (writable) connection.user_->on_upstream_writable();
      if (readable && connection.state_ == State::kLeased) {
        connection.user_->on_upstream_readable();
        connection.transport_.report_pending();
      }
      return;
    case State::kIdle:
      return connection.on_idle_event();
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
