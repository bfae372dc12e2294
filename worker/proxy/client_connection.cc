#include "worker/proxy/client_connection.h"

#include <array>
#include <utility>

#include "worker/proxy/client_tls.h"
#include "worker/proxy/h2_session.h"

namespace apisix::proxy {

ClientConnection::ClientConnection(const Listener& listener, net::Socket socket, const sockaddr_storage& peer)
    : event::TimerLink(listener.services().loop.timers(), &ClientConnection::on_timeout),
      listener_(listener),
      transport_(listener.services().loop, std::move(socket), &ClientConnection::on_event, this),
      h1_(*this) {
  info_.peer_ip = base::IpAddress::of(peer);
  info_.peer_port = base::port_of(peer);
  info_.local_port = listener.port();
  info_.socket = plugin::ClientSocket(transport_.fd());
  info_.connection_serial = services().next_connection_serial++;
}

ClientConnection::~ClientConnection() {
  services().loop.timers().remove(*this);
  if (session_ != &h1_) delete static_cast<H2Session*>(session_);
}

void ClientConnection::choose_session(std::string_view alpn) {
  if (alpn == "h2" && listener_.protocols().http2) start_http2();
}

bool ClientConnection::takes_http2_preface() const {
  return listener_.protocols().http2 && info_.requests == 0 && transport_.tls() == nullptr;
}

void ClientConnection::start_http2() {
  h1_.on_closed();
  session_ = new H2Session(*this);
}

void ClientConnection::become_http2(std::string_view preface, std::string_view rest) {
  start_http2();
  session_->on_bytes(preface);
  if (is_open_ && !rest.empty()) session_->on_bytes(rest);
}

void ClientConnection::start() {
  if (listener_.protocols().proxy_protocol) [[unlikely]]
    expect_proxy_header();
  is_beginning_ |= listener_.tls() != nullptr;
  is_beginning_ ? transport_.start_alone(/*read=*/true) : transport_.start(/*read=*/true, /*write=*/false);
  set_timeout_ms(services().draining ? limits::kDrainIdleMs : services().options.client_header_timeout_ms);
  // Not with the turn's batch: until it is read, a connection counts as one without a request, which the next
  // one accepted may replace.
  is_beginning_ ? begin() : on_readable();
}

void ClientConnection::begin() {
  if (awaits_proxy_header() && !read_proxy_header()) return;
  if (listener_.tls() == nullptr) return begin_plain();
  if (transport_.is_plain() && !begin_tls()) return;
  const net::IoResult result = transport_.handshake();
  switch (result.kind) {
    case net::IoResult::Kind::kAgain:
      return transport_.want_write(transport_.tls_wants_write());
    case net::IoResult::Kind::kDone:
      return end_handshake();
    case net::IoResult::Kind::kClosed:
    case net::IoResult::Kind::kError:
      listener_.tls()->note_failure(info_, listener_, transport_.error_text(result.error_number));
      return close();
  }
}

// With the first byte: a client that only connects costs no session. As in nginx, what is no record of a
// handshake is taken for HTTP, which gets a response that says so.
bool ClientConnection::begin_tls() {
  char first = 0;
  const net::IoResult seen = transport_.peek({&first, 1});
  if (seen.kind == net::IoResult::Kind::kAgain) return false;
  if (!seen.done()) {
    close();
    return false;
  }
  constexpr char kHandshakeRecord = 22;
  if (first == kHandshakeRecord) {
    transport_.start_tls(listener_.tls()->start_session(transport_.fd(), info_, listener_));
    return true;
  }
  is_beginning_ = false;
  on_readable();
  return false;
}

void ClientConnection::end_handshake() {
  is_beginning_ = false;
  transport_.want_write(false);
  info_.set_tls(*transport_.tls());
  listener_.tls()->note_success(*transport_.tls());
  set_timeout_ms(services().draining ? limits::kDrainIdleMs : services().options.client_header_timeout_ms);
  choose_session(transport_.tls()->alpn);  // which may have another timeout
  if (is_open_) on_readable();
}

void ClientConnection::on_timeout(event::TimerLink& timer) {
  auto& connection = static_cast<ClientConnection&>(timer);
  if (connection.awaits_proxy_header()) return connection.refuse_proxy_header("it did not come in time");
  if (connection.is_beginning_ && !connection.transport_.is_plain()) {
    connection.listener_.tls()->note_failure(connection.info_, connection.listener_, "it took too long");
    return connection.close();
  }
  connection.session_->on_timeout();
}

void ClientConnection::on_event(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (connection.is_beginning_) [[unlikely]]
    return connection.begin();
  if (writable) connection.flush_output();
  if (readable && connection.is_open_) connection.on_readable();
}

void ClientConnection::on_readable() {
  const std::size_t room = session_->input_room();
  if (room == 0) return;  // an event of before
  const std::span<char> scratch(services().client_scratch.get(), room);
  const net::IoResult got = transport_.read(scratch);
  switch (got.kind) {
    case net::IoResult::Kind::kAgain:
      if (transport_.tls_wants_write()) [[unlikely]]
        await_tls_write();
      return;
    case net::IoResult::Kind::kClosed:
      peer_closed_ = true;
      return session_->on_peer_closed();
    case net::IoResult::Kind::kError:
      return session_->on_reset();
    case net::IoResult::Kind::kDone:
      break;
  }
  session_->on_bytes({scratch.data(), got.bytes});
  transport_.report_pending();
}

// The client asked for new keys (RFC 8446 4.6.3), and does not take what waits for it. What it sends stays
// readable meanwhile, and is not looked at.
void ClientConnection::await_tls_write() {
  reads_when_writable_ = true;
  transport_.want_read(false);
  transport_.want_write(true);
}

void ClientConnection::want_read(bool on) {
  transport_.want_read(on);
}

void ClientConnection::note_request(bool has_request) {
  if (is_waiting_ == !has_request) return;
  is_waiting_ = !has_request;
  is_waiting_ ? services().connections.note_waiting(*this) : services().connections.note_busy(*this);
}

bool ClientConnection::write(std::span<const iovec> pieces) {
  if (!is_open_) return false;
  std::size_t sent = 0;
  if (output_.empty()) {
    const net::IoResult result = transport_.write(pieces, &ClientConnection::on_unsent);
    if (result.kind == net::IoResult::Kind::kError) return false;
    sent = result.bytes;
  }
  output_.append_rest(pieces, sent);
  if (!output_.empty() && !transport_.wants_write()) {
    transport_.want_write(true);
    session_->on_output_progress();
  }
  return true;
}

void ClientConnection::flush_output() {
  if (reads_when_writable_) [[unlikely]] {
    reads_when_writable_ = false;
    transport_.want_read(true);
  }
  std::array<iovec, 16> pieces;
  while (!output_.empty()) {
    const std::size_t count = output_.front(pieces);
    const net::IoResult result = transport_.write({pieces.data(), count}, &ClientConnection::on_unsent);
    if (result.kind == net::IoResult::Kind::kError) return session_->on_reset();
    if (!result.done()) return;
    output_.consume(result.bytes);
    session_->on_output_progress();
  }
  transport_.want_write(false);
  cancel_timeout();
  if (shutdown_when_drained_) transport_.shutdown_write();
  session_->on_output_drained();
}

// The turn's batch was sent, and the socket did not take all of it.
void ClientConnection::on_unsent(void* self, std::string_view rest, int error_number) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (error_number != 0) return connection.session_->on_reset();
  connection.keep_unsent(rest);
}

void ClientConnection::keep_unsent(std::string_view rest) {
  output_.prepend(rest);
  if (transport_.wants_write()) return;
  transport_.want_write(true);
  session_->on_output_progress();
}

bool ClientConnection::send_queued() {
  const std::string_view rest = transport_.take_unsent();
  if (rest.empty()) return true;
  keep_unsent(rest);
  return false;
}

void ClientConnection::shutdown_write() {
  send_queued();
  if (output_.empty()) {
    transport_.shutdown_write();
  } else {
    shutdown_when_drained_ = true;
  }
}

void ClientConnection::close(bool by_reset) {
  if (!is_open_) return;
  is_open_ = false;
  session_->on_closed();
  cancel_timeout();
  transport_.close(by_reset);
  services().tallies.active.subtract();
  services().connections.defer_delete(*this);
}

}  // namespace apisix::proxy
