#include "worker/upstream/h1_exchange.h"

#include <array>
#include <utility>

#include "worker/limits.h"
#include "worker/upstream/response_limits.h"
#include "worker/upstream/reuse_rules.h"

namespace apisix::upstream {

const char* to_string(H1Exchange::State state) {
  using State = H1Exchange::State;
  switch (state) {
    case State::kWaiting:
      return "Waiting";
    case State::kConnecting:
      return "Connecting";
    case State::kReady:
      return "Ready";
    case State::kAwaitHead:
      return "AwaitHead";
    case State::kBody:
      return "Body";
    case State::kUpgrading:
      return "Upgrading";
    case State::kTunnel:
      return "Tunnel";
    case State::kEnded:
      return "Ended";
  }
  return "?";
}

H1Exchange::H1Exchange(Pool& pool, const Opening& opening, Exchange::User& user)
    : Waiter(opening.keepalive.connections_max),
      pool_(pool),
      user_(user),
      arena_(opening.arena),
      keepalive_(opening.keepalive),
      body_(opening.arena),
      method_(opening.method) {}

H1Exchange::~H1Exchange() {
  abort(/*reset=*/true);
}

// --- the connection

base::Result<void> H1Exchange::start(const Opening& opening) {
  if (Connection* const idle = pool_.take_idle(opening.endpoint, *this, opening.tls)) [[likely]] {
    take_connection(*idle);
    return {};
  }
  const auto leased = pool_.lease(opening.endpoint, *this, *this, opening.tls);
  if (!leased) return std::unexpected(leased.error());
  if (*leased != nullptr) take_connection(**leased);
  return {};
}

void H1Exchange::take_connection(Connection& connection) {
  connection_ = &connection;
  const bool is_open = connection.state() == Connection::State::kLeased;
  state_.move_to(is_open ? State::kReady : State::kConnecting);
}

void H1Exchange::on_turn(HostPool& home) {
  const auto leased = pool_.lease_from(home, *this);
  if (!leased) {
    const bool is_ours = leased.error().source == base::ErrorSource::kGateway;
    return fail(is_ours ? FailureKind::kNoConnection : FailureKind::kConnect, leased.error().what);
  }
  take_connection(**leased);
  if (state_ == State::kReady) user_.on_connected();
}

void H1Exchange::on_upstream_connected(int error_number) {
  if (error_number != 0) {
    const std::string_view why = connection_->failure_text();
    return fail(FailureKind::kConnect, why, why.empty() ? error_number : 0);
  }
  state_.move_to(State::kReady);
  user_.on_connected();
}

bool H1Exchange::is_handshaking() const {
  return connection_ != nullptr && connection_->state() == Connection::State::kHandshaking;
}

const net::TlsInfo* H1Exchange::tls() const {
  return connection_ != nullptr ? connection_->tls() : nullptr;
}

// --- the request

bool H1Exchange::write_head(const http::RequestWrite& head, const http::Content& first) {
  const std::string_view text = http::write_request_head(head, arena_);
  if (text.empty()) {
    failure_ = {.kind = FailureKind::kUnwritable, .processed = Processed::kNo};
    end(/*reset=*/false);
    return false;
  }
  state_.move_to(State::kAwaitHead);
  request_framing_ = head.framing;
  request_ended_ = first.end;
  http::Pieces pieces;
  pieces.add(text);
  http::add_framed(first, request_framing_, arena_, pieces);
  return send(pieces);
}

bool H1Exchange::write_body(const http::Content& content) {
  request_ended_ |= content.end;
  if (send_failed_) return true;
  http::Pieces pieces;
  http::add_framed(content, request_framing_, arena_, pieces);
  return pieces.empty() || send(pieces);
}

bool H1Exchange::send(const http::Pieces& pieces) {
  std::size_t written = 0;
  if (unsent_.empty()) {
    const net::IoResult result = connection_->write(pieces.span());
    if (result.kind == net::IoResult::Kind::kError) return on_send_failed();
    written = result.bytes;
  }
  processed_ = Processed::kMaybe;
  bytes_sent_ += pieces.bytes();
  unsent_.append_rest(pieces.span(), written);
  if (!unsent_.empty()) connection_->want_write(true);
  return true;
}

// The node takes no more. It may have responded before it closed (413 to a long body): when it has seen some
// of the request, reading decides what happened; the rest of the body is dropped until then.
bool H1Exchange::on_send_failed() {
  if (bytes_sent_ > 0) {
    connection_->want_write(false);
    unsent_.clear();
    send_failed_ = true;
    return true;
  }
  failure_ = {.kind = FailureKind::kSend, .processed = Processed::kNo, .is_stale = connection_->is_reused()};
  end(/*reset=*/true);
  return false;
}

// The turn's batch was sent: what a write had taken comes back. Nothing of the request got out: as a write
// that fails at once.
void H1Exchange::on_upstream_unsent(std::string_view rest, int error_number) {
  if (error_number == 0) {
    keep_unsent(rest);
    return user_.on_request_writable();  // it counted as sent: the owner's deadline is another one now
  }
  if (state_ == State::kTunnel) return fail(FailureKind::kSend);
  bytes_sent_ -= rest.size() + unsent_.bytes();
  if (on_send_failed()) return;
  processed_ = Processed::kNo;
  user_.on_failed(failure_);
}

void H1Exchange::keep_unsent(std::string_view rest) {
  unsent_.prepend(rest);
  connection_->want_write(true);
}

void H1Exchange::on_upstream_writable() {
  std::array<iovec, 16> pieces;
  while (!unsent_.empty()) {
    const std::size_t count = unsent_.front(pieces);
    const net::IoResult result = connection_->write({pieces.data(), count});
    if (result.kind == net::IoResult::Kind::kError) {
      if (state_ == State::kTunnel) return fail(FailureKind::kSend);
      on_send_failed();
      break;
    }
    if (!result.done()) return user_.on_request_writable();
    unsent_.consume(result.bytes);
  }
  connection_->want_write(false);
  if (shuts_down_when_sent_) connection_->shutdown_write();
  user_.on_request_writable();
}

// --- the response

void H1Exchange::on_upstream_readable() {
  const std::span<char> scratch = pool_.scratch();
  const net::IoResult got = connection_->read(scratch);
  switch (got.kind) {
    case net::IoResult::Kind::kAgain:
      return;
    case net::IoResult::Kind::kClosed:
      return on_node_closed();
    case net::IoResult::Kind::kError:
      return on_receive_failed();
    case net::IoResult::Kind::kDone:
      break;
  }
  bytes_received_ += got.bytes;
  const std::string_view bytes(scratch.data(), got.bytes);
  if (state_ == State::kBody) return read_content(bytes);
  if (state_ == State::kTunnel) return user_.on_tunnel_bytes(bytes);
  if (partial_head_ == nullptr) return read_heads(bytes);
  partial_head_->append(bytes);
  const std::string whole = std::move(*partial_head_);
  partial_head_.reset();
  read_heads(whole);
}

// Heads until the final one; what is behind it is the body.
void H1Exchange::read_heads(std::string_view bytes) {
  for (;;) {
    http::HeadLines lines;
    const auto found = scanner_.scan(bytes, lines);
    if (found == http::HeadScanner::Result::kBad)
      return fail(FailureKind::kBadResponse, "malformed response head");
    if (found == http::HeadScanner::Result::kNeedMore) return keep_partial_head(bytes);
    const std::size_t head_bytes = scanner_.head_bytes();
    scanner_.reset();
    const auto parsed = http::parse_response_head(arena_.copy(bytes.substr(0, head_bytes)), arena_, method_,
                                                  kResponseLimits, lines);
    if (!parsed) return fail(FailureKind::kBadResponse, parsed.error().what);
    http::ResponseHead& head = **parsed;
    bytes.remove_prefix(head_bytes);
    if (head.status >= 200) return begin_response(head, bytes);
    if (head.status == 101) {
      state_.move_to(State::kUpgrading);
      return user_.on_upgrade(head, bytes);
    }
    user_.on_informational(head);
    if (state_ == State::kEnded) return;
  }
}

void H1Exchange::keep_partial_head(std::string_view bytes) {
  if (bytes.size() > limits::kResponseHeadBytesMax)
    return fail(FailureKind::kBadResponse, "the head is too large");
  if (!bytes.empty()) partial_head_ = std::make_unique<std::string>(bytes);
  user_.on_head_progress();
}

void H1Exchange::begin_response(http::ResponseHead& head, std::string_view body) {
  state_.move_to(State::kBody);
  status_ = head.status;
  keep_alive_ = head.keep_alive;
  body_.start(head.framing, head.content_length);
  user_.on_response(head);
  if (state_ != State::kEnded) read_content(body);
}

void H1Exchange::read_content(std::string_view bytes) {
  for (;;) {
    http::Pieces content;
    const http::H1BodyDecoder::Step step = body_.take(bytes, content);
    bytes.remove_prefix(step.consumed);
    if (step.result == http::H1BodyDecoder::Result::kBad)
      return fail(FailureKind::kBadResponse, "malformed chunked body");
    const bool done = step.result == http::H1BodyDecoder::Result::kDone;
    const bool is_last = done || bytes.empty() || step.consumed == 0;
    // Whether the next read will bring content is not known: a full scratch, or what TLS still holds, may be
    // all that there is of an event.
    const bool more_at_hand = !is_last;
    // First: the client's next request, which the end of this one may allow, finds the connection pooled.
    if (done) finish(!bytes.empty());
    user_.on_response_content({.pieces = content.span(),
                               .bytes = step.bytes,
                               .end = done,
                               .trailers = done ? body_.trailers() : nullptr},
                              more_at_hand);
    if (is_last || state_ == State::kEnded) return;
  }
}

void H1Exchange::on_receive_failed() {
  const std::string_view why = connection_->tls_error();
  fail(FailureKind::kReceive, why.empty() ? "connection to upstream broke" : why);
}

void H1Exchange::on_node_closed() {
  if (state_ == State::kTunnel) {
    connection_->want_read(false);
    return user_.on_tunnel_closed();
  }
  if (state_ != State::kBody) return fail(FailureKind::kReceive);
  if (body_.on_sender_closed() == http::H1BodyDecoder::Result::kBad)
    return fail(FailureKind::kReceive, "upstream prematurely closed connection");
  end(/*reset=*/false);
  user_.on_response_content({.end = true}, false);
}

void H1Exchange::pause_response() {
  connection_->want_read(false);
}

void H1Exchange::resume_response() {
  connection_->want_read(true);
}

// --- a tunnel

bool H1Exchange::write_tunnel(std::string_view bytes) {
  const iovec piece = net::piece(bytes);
  std::size_t written = 0;
  if (unsent_.empty()) {
    const net::IoResult result = connection_->write({&piece, 1});
    if (result.kind == net::IoResult::Kind::kError) return false;
    written = result.bytes;
  }
  bytes_sent_ += bytes.size();
  unsent_.append_rest({&piece, 1}, written);
  if (!unsent_.empty()) connection_->want_write(true);
  return true;
}

// The node gets the client's last bytes first, also those of this turn that its socket does not take.
void H1Exchange::shutdown_write() {
  const std::string_view rest = connection_->take_unsent();
  if (!rest.empty()) keep_unsent(rest);
  shuts_down_when_sent_ = !unsent_.empty();
  if (!shuts_down_when_sent_) connection_->shutdown_write();
}

// --- the end

void H1Exchange::finish(bool bytes_left_over) {
  const bool is_sent = request_ended_ && unsent_.empty() && !send_failed_;
  if (!may_pool_upstream({.response_keep_alive = keep_alive_,
                          .response_complete = true,
                          .request_sent = is_sent,
                          .bytes_left_over = bytes_left_over})) {
    return end(/*reset=*/false);
  }
  state_.move_to(State::kEnded);
  Connection& connection = *std::exchange(connection_, nullptr);
  if (may_send_unasked()) connection.check_before_reuse();
  pool_.put(connection, keepalive_);
}

// The response has no body by rule: one that the node sends all the same would be read as the next response.
bool H1Exchange::may_send_unasked() const {
  if (body_.framing() != http::Framing::kNone) return false;
  return status_ == 204 || status_ == 304 || method_ == http::Method::kHead;
}

void H1Exchange::abort(bool reset) {
  if (state_ != State::kEnded) end(reset);
}

void H1Exchange::end(bool reset) {
  // There is nothing to reset before the node has accepted the connection.
  const bool was_open = state_ != State::kConnecting;
  state_.move_to(State::kEnded);
  pool_.leave_line(*this);
  unsent_.clear();
  partial_head_.reset();
  if (connection_ != nullptr) pool_.drop(*std::exchange(connection_, nullptr), reset && was_open);
}

void H1Exchange::fail(FailureKind kind, std::string_view what, int error_number) {
  failure_ = {.kind = kind,
              .processed = processed_,
              .is_stale = kind == FailureKind::kReceive && bytes_received_ == 0 && connection_->is_reused(),
              .error_number = error_number,
              .what = what};
  end(/*reset=*/true);
  user_.on_failed(failure_);
  failure_.what = {};
}

}  // namespace apisix::upstream
