#include "worker/proxy/client_connection.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>

#include "shared/base/check.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {

ClientConnection::ClientConnection(const Listener& listener, net::Socket socket, const sockaddr_storage& peer)
    : listener_(listener),
      socket_(std::move(socket)),
      watch_(listener.services().loop, &ClientConnection::on_event, this),
      timer_(listener.services().loop.timers(), &ClientConnection::on_timer, this) {
  info_.peer_ip = base::IpAddress::of(peer);
  info_.peer_port = base::port_of(peer);
  info_.local_port = listener.port();
  info_.socket = plugin::ClientSocket(socket_.fd());
  info_.connection_serial = services().next_connection_serial++;
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::start() {
  watch_.start(socket_.fd());
  timer_.set_after_ms(services().draining ? limits::kDrainIdleMs
                                          : services().options.client_header_timeout_ms);
  on_readable();
}

void ClientConnection::on_event(void* self, bool readable, bool writable) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (writable) connection.flush_output();
  if (readable && connection.state_ != State::kClosed) connection.on_readable();
}

void ClientConnection::on_readable() {
  if (input_ != nullptr && unread_.size() >= limits::kInputPendingBytesMax) return;  // an event of before
  const std::size_t room =
      input_ == nullptr ? limits::kScratchBytes
                        : std::min(limits::kScratchBytes, limits::kInputPendingBytesMax - unread_.size());
  const std::span<char> scratch(services().client_scratch.get(), room);
  const net::IoResult got = net::read_some(socket_.fd(), scratch);
  switch (got.kind) {
    case net::IoResult::Kind::kAgain:
      return;
    case net::IoResult::Kind::kClosed:
      return on_peer_closed();
    case net::IoResult::Kind::kError:
      if (stream_ != nullptr) {
        stream_->on_client_gone();
      } else {
        close();
      }
      return;
    case net::IoResult::Kind::kDone:
      break;
  }
  const std::string_view bytes(scratch.data(), got.bytes);
  drop_consumed_input();
  if (input_ != nullptr) {
    input_->bytes.append(bytes);
    unread_ = input_->bytes;
  } else {
    unread_ = bytes;
  }
  advance();
}

// FIN. A request in flight is aborted, as nginx does: a client that only half-closed cannot be told from
// one that is gone. A tunnel passes the half-close on.
void ClientConnection::on_peer_closed() {
  peer_closed_ = true;
  if (stream_ != nullptr) {
    stream_->on_client_closed();
    return;
  }
  // Requests that came before it and wait for a later turn are served first. Its end is reported until then.
  if (input_ != nullptr && input_->deferred.is_queued()) return;
  close();
}

// Works through what is unread until it has to wait: for the client, the upstream, or its place in a later
// turn.
void ClientConnection::advance() {
  if (advancing_) return;
  advancing_ = true;
  std::uint32_t begun = 0;
  for (bool more = true; more;) {
    switch (state_) {
      case State::kIdle:
      case State::kHead:
        more = begun < limits::kRequestsPerTurn && try_head();
        ++begun;
        break;
      case State::kStream:
      case State::kTunnel: {
        const State before = state_;
        stream_->on_request_bytes();
        more = state_ != before;
        break;
      }
      case State::kLinger:
        lingered_bytes_ += static_cast<std::uint32_t>(unread_.size());
        unread_ = {};
        if (lingered_bytes_ > limits::kLingerBytesMax) close();
        more = false;
        break;
      case State::kClosed:
        more = false;
        break;
    }
  }
  advancing_ = false;
  if (state_ == State::kClosed) return;
  keep_unread();
  if (begun > limits::kRequestsPerTurn && state_ == State::kIdle) defer_rest();
}

// Other clients come first. The node is part of what was kept: without input it is not queued.
void ClientConnection::defer_rest() {
  if (input_ == nullptr) return;
  note_request(true);
  services().loop.deferred().push(
      input_->deferred, [](void* self) { static_cast<ClientConnection*>(self)->advance(); }, this);
}

// nginx's words: Reading, Writing; the rest of the open connections are Waiting.
void ClientConnection::enter(State next) {
  const auto tally_of = [this](State state) -> memory::Tally* {
    if (state == State::kHead) return &services().tallies.reading;
    return state == State::kStream || state == State::kTunnel ? &services().tallies.writing : nullptr;
  };
  if (memory::Tally* left = tally_of(state_)) left->subtract();
  if (memory::Tally* entered = tally_of(next)) entered->add();
  state_ = next;
  if (next != State::kClosed) note_request(next == State::kStream || next == State::kTunnel);
}

// One without a request may have to make room.
void ClientConnection::note_request(bool has_request) {
  if (is_waiting_ == !has_request) return;
  is_waiting_ = !has_request;
  is_waiting_ ? services().connections.note_waiting(*this) : services().connections.note_busy(*this);
}

// True when a stream began, or the connection ended: there may be more to do.
bool ClientConnection::try_head() {
  if (unread_.empty()) return false;
  http::HeadScanner fresh(http::HeadKind::kRequest);
  http::HeadScanner& scanner = input_ != nullptr ? input_->scanner : fresh;
  switch (scanner.scan(unread_)) {
    case http::HeadScanner::Result::kFound: {
      const std::string_view head =
          unread_.substr(scanner.skipped_bytes(), scanner.head_bytes() - scanner.skipped_bytes());
      consume_unread(scanner.head_bytes());
      scanner.reset();
      begin_stream(head);
      return true;
    }
    case http::HeadScanner::Result::kNeedMore:
      if (unread_.size() > limits::kRequestHeadBytesMax ||
          (scanner.in_first_line() && unread_.size() > limits::kRequestLineBytesMax)) {
        const std::uint16_t status = scanner.in_first_line() ? 414 : 431;
        open_stream([this, status](Stream& stream) {
          stream.refuse_bytes(unread_, status, "request head too large");
        });
        return true;
      }
      if (state_ == State::kIdle) timer_.set_after_ms(services().options.client_header_timeout_ms);
      enter(State::kHead);
      return false;
    case http::HeadScanner::Result::kBad:
      break;
  }
  const std::string_view bytes = std::exchange(unread_, {});
  open_stream([bytes](Stream& stream) { stream.refuse_bytes(bytes, 400, "malformed request head"); });
  return true;
}

void ClientConnection::begin_stream(std::string_view head) {
  timer_.cancel();
  ++info_.requests;
  services().tallies.requests.add();
  open_stream([head](Stream& stream) { stream.start(head); });
}

// A Stream that ends meanwhile is freed here: what it called has returned. Kept until the turn ends, the
// streams of clients that pipeline would take as much memory as they can send in one turn.
template <typename Begin>
void ClientConnection::open_stream(Begin begin) {
  stream_ = std::make_unique<Stream>(services(), *this);
  enter(State::kStream);
  opening_stream_ = true;
  begin(*stream_);
  opening_stream_ = false;
  if (state_ != State::kStream && state_ != State::kTunnel) stream_.reset();
}

// Bytes that were not consumed: the scratch will be overwritten, so they move into a buffer of our own.
// Reading stops when it is full, and so does the peer.
void ClientConnection::keep_unread() {
  if (unread_.empty()) {
    input_.reset();
  } else if (input_ == nullptr) {
    input_ = std::make_unique<Input>();
    input_->bytes = unread_;
    unread_ = input_->bytes;
  }
  const bool full = unread_.size() >= limits::kInputPendingBytesMax;
  if (watch_.wants_read() == full && !peer_closed_) watch_.want_read(!full);
  if (stream_ != nullptr) arm_stream_timer();
}

// The one place that arms a request's timer for the client: it has to take what is sent, and to send the body
// that is awaited; the earlier deadline counts.
void ClientConnection::arm_stream_timer() {
  std::uint64_t deadline_ms = stream_->body_deadline_ms();
  if (!output_.empty()) deadline_ms = std::min(deadline_ms, stream_->send_deadline_ms());
  if (deadline_ms == Stream::kNoDeadline) return timer_.cancel();
  const std::uint64_t now_ms = services().loop.clock().monotonic_ms();
  timer_.set_after_ms(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

// What was consumed must be gone before anything is read behind it, or it would be read twice.
void ClientConnection::drop_consumed_input() {
  if (input_ == nullptr) return;
  if (unread_.empty()) {
    input_.reset();
  } else if (unread_.size() != input_->bytes.size()) {
    input_->bytes.erase(0, input_->bytes.size() - unread_.size());
    unread_ = input_->bytes;
  }
}

void ClientConnection::want_request_bytes() {
  if (!advancing_) advance();
}

bool ClientConnection::write(std::span<const iovec> pieces) {
  if (state_ == State::kClosed) return false;
  std::size_t sent = 0;
  if (output_.empty()) {
    const net::IoResult result = net::write_some(socket_.fd(), pieces);
    if (result.kind == net::IoResult::Kind::kError) return false;
    sent = result.bytes;
  }
  output_.append_rest(pieces, sent);
  if (!output_.empty() && !watch_.wants_write()) {
    watch_.want_write(true);
    on_output_progress();
  }
  return true;
}

// The client took something, or has to begin: it has send_timeout for the next bytes.
void ClientConnection::on_output_progress() {
  if (stream_ == nullptr) return timer_.set_after_ms(services().options.send_timeout_ms);
  stream_->extend_send_deadline();
  arm_stream_timer();
}

void ClientConnection::flush_output() {
  std::array<iovec, 16> pieces;
  while (!output_.empty()) {
    const std::size_t count = output_.front(pieces);
    const net::IoResult result = net::write_some(socket_.fd(), {pieces.data(), count});
    if (result.kind == net::IoResult::Kind::kError) {
      if (stream_ != nullptr) {
        stream_->on_client_gone();
      } else {
        close();
      }
      return;
    }
    if (!result.done()) return;
    output_.consume(result.bytes);
    on_output_progress();
  }
  watch_.want_write(false);
  timer_.cancel();
  if (shutdown_when_drained_) ::shutdown(socket_.fd(), SHUT_WR);
  if (stream_ != nullptr) {
    stream_->on_client_drained();
    if (stream_ != nullptr) arm_stream_timer();
  } else if (state_ == State::kLinger) {
    start_linger();
  } else if (state_ == State::kIdle) {
    arm_idle_timer();
  }
}

void ClientConnection::end_stream(ClientFate fate) {
  if (!opening_stream_) services().connections.bury(std::move(stream_));  // a callback of it is on the stack
  if (fate == ClientFate::kKeep && peer_closed_ && unread_.empty()) fate = ClientFate::kClose;
  switch (fate) {
    case ClientFate::kClose:
      return close();
    case ClientFate::kLinger:
      return start_linger();
    case ClientFate::kReset:
      return close(/*by_reset=*/true);
    case ClientFate::kKeep:
      break;
  }
  enter(State::kIdle);
  arm_idle_timer();
  if (unread_.empty()) {
    input_.reset();
    watch_.want_read(true);
  } else {
    advance();
  }
}

void ClientConnection::arm_idle_timer() {
  if (services().options.keepalive_timeout_ms > 0)
    timer_.set_after_ms(services().options.keepalive_timeout_ms);
}

// The answer is out and refused bytes may still come: closing now would reset the connection and could
// destroy the answer on its way.
void ClientConnection::start_linger() {
  enter(State::kLinger);
  if (peer_closed_) return close();
  ::shutdown(socket_.fd(), SHUT_WR);
  unread_ = {};
  input_.reset();
  watch_.want_read(true);
  timer_.set_after_ms(services().draining ? limits::kDrainLingerMs : limits::kLingerMs);
}

void ClientConnection::become_tunnel() {
  enter(State::kTunnel);
  timer_.cancel();
}

void ClientConnection::stop_reading() {
  watch_.want_read(false);
}

void ClientConnection::shutdown_write() {
  if (output_.empty()) {
    ::shutdown(socket_.fd(), SHUT_WR);
  } else {
    shutdown_when_drained_ = true;
  }
}

void ClientConnection::on_timer(void* self) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (connection.stream_ != nullptr) {
    connection.stream_->on_client_timeout();
    return;
  }
  if (connection.services().draining && connection.state_ == State::kIdle) return connection.start_linger();
  connection.close();
}

// A request may be on its way, sent before the client could know: it is served, and its answer says that it
// was the last one.
void ClientConnection::drain() {
  if (state_ == State::kIdle) timer_.set_after_ms(limits::kDrainIdleMs);
}

void ClientConnection::part() {
  if (state_ == State::kIdle || state_ == State::kHead) {
    start_linger();
  } else if (stream_ != nullptr) {
    stream_->part();
  }
}

void ClientConnection::close(bool by_reset) {
  if (state_ == State::kClosed) return;
  enter(State::kClosed);
  timer_.cancel();
  watch_.stop();
  if (by_reset) {
    socket_.reset();
  } else {
    socket_.close();
  }
  unread_ = {};
  services().tallies.active.subtract();
  services().connections.bury(*this);
}

}  // namespace apisix::proxy
