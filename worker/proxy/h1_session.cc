#include "worker/proxy/h1_session.h"

#include <algorithm>
#include <utility>

#include "worker/proxy/client_connection.h"
#include "worker/proxy/h1_request.h"

namespace apisix::proxy {

using State = H1Session::State;

namespace {

// What an HTTP/2 client sends first, as far as it looks like a head (RFC 9113 3.4).
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\n";

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::kIdle:
      return "Idle";
    case State::kHead:
      return "Head";
    case State::kRequest:
      return "Request";
    case State::kTunnel:
      return "Tunnel";
    case State::kLinger:
      return "Linger";
    case State::kClosed:
      return "Closed";
  }
  return "?";
}

H1Session::H1Session(ClientConnection& connection) : connection_(connection) {}

H1Session::~H1Session() = default;

Services& H1Session::services() const {
  return connection_.services();
}

std::size_t H1Session::input_room() const {
  if (input_ == nullptr) return limits::kScratchBytes;
  if (unread_.size() >= limits::kInputPendingBytesMax) return 0;
  return std::min(limits::kScratchBytes, limits::kInputPendingBytesMax - unread_.size());
}

void H1Session::on_bytes(std::string_view bytes) {
  drop_consumed_input();
  if (input_ != nullptr) {
    input_->bytes.append(bytes);
    unread_ = input_->bytes;
  } else {
    unread_ = bytes;
  }
  advance();
}

// A request in flight is aborted, as nginx does: a client that only half-closed looks like
// one that is gone. A tunnel passes the half-close on.
void H1Session::on_peer_closed() {
  if (request_ != nullptr) return request_->stream().on_client_closed();
  // Requests that came before it and wait for a later turn are served first. Its end is reported until then.
  if (input_ != nullptr && input_->deferred.is_queued()) return;
  connection_.close();
}

void H1Session::on_reset() {
  if (request_ != nullptr) {
    request_->stream().on_client_reset();
  } else {
    connection_.close();
  }
}

// Works through what is unread until it has to wait: for the client, the upstream, or its place in a later
// turn.
void H1Session::advance() {
  if (advancing_) return;
  advancing_ = true;
  std::uint32_t begun = 0;
  for (bool more = true; more;) {
    switch (state_.state()) {
      case State::kIdle:
      case State::kHead:
        more = begun < limits::kRequestsPerTurn && try_head();
        ++begun;
        break;
      case State::kRequest:
      case State::kTunnel: {
        const State before = state_.state();
        request_->stream().on_request_content();
        more = state_.state() != before;
        break;
      }
      case State::kLinger:
        lingered_bytes_ += static_cast<std::uint32_t>(unread_.size());
        unread_ = {};
        if (lingered_bytes_ > limits::kLingerBytesMax) connection_.close();
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
void H1Session::defer_rest() {
  if (input_ == nullptr) return;
  connection_.note_request(true);
  services().loop.deferred().push(
      input_->deferred, [](void* self) { static_cast<H1Session*>(self)->advance(); }, this);
}

// nginx's words: Reading, Writing; the rest of the open connections are Waiting.
void H1Session::enter(State next) {
  const auto tally_of = [this](State state) -> memory::Tally* {
    if (state == State::kHead) return &services().tallies.reading;
    return state == State::kRequest || state == State::kTunnel ? &services().tallies.writing : nullptr;
  };
  if (memory::Tally* left = tally_of(state_.state())) left->subtract();
  if (memory::Tally* entered = tally_of(next)) entered->add();
  state_.move_to(next);
  const bool is_busy = next == State::kRequest || next == State::kTunnel || connection_.output_pending() > 0;
  if (next != State::kClosed) connection_.note_request(is_busy);
}

// True when a request began, or the connection ended: there may be more to do.
bool H1Session::try_head() {
  if (unread_.empty()) return false;
  http::HeadScanner fresh(http::HeadKind::kRequest);
  http::HeadScanner& scanner = input_ != nullptr ? input_->scanner : fresh;
  http::HeadLines lines;
  switch (scanner.scan(unread_, lines)) {
    case http::HeadScanner::Result::kFound: {
      const std::string_view head =
          unread_.substr(scanner.skipped_bytes(), scanner.head_bytes() - scanner.skipped_bytes());
      if (head.size() == kHttp2Preface.size() && head == kHttp2Preface && connection_.takes_http2_preface())
          [[unlikely]] {
        become_http2();
        return false;
      }
      consume_unread(scanner.head_bytes());
      scanner.reset();
      begin_request(head, lines);
      return true;
    }
    case http::HeadScanner::Result::kNeedMore:
      if (unread_.size() > limits::kRequestHeadBytesMax ||
          (scanner.in_first_line() && unread_.size() > limits::kRequestLineBytesMax)) {
        const std::uint16_t status = scanner.in_first_line() ? 414 : 431;  // RFC 9112 3, RFC 6585 5
        open_request([this, status](H1Request& request) {
          request.refuse_bytes(unread_, status, "request head too large");
        });
        return true;
      }
      if (state_ == State::kIdle) arm_head_timer();
      enter(State::kHead);
      return false;
    case http::HeadScanner::Result::kBad:
      break;
  }
  const std::string_view bytes = std::exchange(unread_, {});
  open_request([bytes](H1Request& request) { request.refuse_bytes(bytes, 400, "malformed request head"); });
  return true;
}

// Nothing of it is used from here on: the connection has another session.
void H1Session::become_http2() {
  const std::unique_ptr<Input> input = std::move(input_);
  const std::string_view unread = unread_;
  connection_.become_http2(unread.substr(0, kHttp2Preface.size()), unread.substr(kHttp2Preface.size()));
}

void H1Session::begin_request(std::string_view head, const http::HeadLines& lines) {
  connection_.cancel_timeout();
  ++connection_.info().requests;
  services().tallies.requests.add();
  open_request([head, &lines](H1Request& request) { request.start(head, lines); });
}

// A request that ends meanwhile is freed here: what it called has returned. Kept until the turn ends, the
// requests of clients that pipeline would take as much memory as they can send in one turn.
template <typename Begin>
void H1Session::open_request(Begin begin) {
  request_ = std::make_unique<H1Request>(*this);
  enter(State::kRequest);
  // What the client has not taken of the response before: its wait is this request's from here on.
  if (connection_.output_pending() > 0) [[unlikely]]
    request_->stream().deadlines().extend_send();
  opening_request_ = true;
  begin(*request_);
  opening_request_ = false;
  if (state_ != State::kRequest && state_ != State::kTunnel) request_.reset();
}

// Bytes that were not consumed: the scratch will be overwritten, so they move into a buffer of our own.
// Reading stops when it is full, and so does the peer.
void H1Session::keep_unread() {
  if (unread_.empty()) {
    input_.reset();
  } else if (input_ == nullptr) {
    input_ = std::make_unique<Input>();
    input_->bytes = unread_;
    unread_ = input_->bytes;
  }
  const bool is_full = unread_.size() >= limits::kInputPendingBytesMax;
  if (!connection_.peer_closed()) connection_.want_read(!is_full);
  if (request_ != nullptr) arm_request_timer();
}

// The one place that arms a request's timer for the client: send_timeout while output is buffered, and
// client_body_timeout while a body is awaited; the earlier deadline counts.
void H1Session::arm_request_timer() {
  ClientDeadlines& deadlines = request_->stream().deadlines();
  std::uint64_t deadline_ms = request_->stream().body_deadline_ms();
  if (connection_.output_pending() > 0) deadline_ms = std::min(deadline_ms, deadlines.send_deadline_ms());
  if (deadline_ms == ClientDeadlines::kNone) return connection_.cancel_timeout();
  const std::uint64_t now_ms = services().loop.clock().monotonic_ms();
  connection_.set_timeout_ms(deadline_ms > now_ms ? deadline_ms - now_ms : 0);
}

// What was consumed must be gone before anything is read behind it, or it would be read twice.
void H1Session::drop_consumed_input() {
  if (input_ == nullptr) return;
  if (unread_.empty()) {
    input_.reset();
  } else if (unread_.size() != input_->bytes.size()) {
    input_->bytes.erase(0, input_->bytes.size() - unread_.size());
    unread_ = input_->bytes;
  }
}

// It has send_timeout for the next bytes.
void H1Session::on_output_progress() {
  if (request_ == nullptr) return await_output();
  request_->stream().deadlines().extend_send();
  arm_request_timer();
}

void H1Session::on_output_drained() {
  if (request_ != nullptr) {
    request_->stream().on_writable();
    if (request_ != nullptr) arm_request_timer();
  } else if (state_ == State::kLinger) {
    start_linger();
  } else if (state_ == State::kHead || state_ == State::kIdle) {  // until now the timer was send_timeout's
    connection_.note_request(input_ != nullptr && input_->deferred.is_queued());
    state_ == State::kHead ? arm_head_timer() : arm_idle_timer();
  }
}

void H1Session::end_request(AfterResponse after) {
  if (!opening_request_)
    services().connections.defer_delete(std::move(request_));  // a callback of it is on the stack
  if (after == AfterResponse::kKeep && connection_.peer_closed() && unread_.empty())
    after = AfterResponse::kClose;
  switch (after) {
    case AfterResponse::kClose:
      return connection_.close();
    case AfterResponse::kLinger:
      return start_linger();
    case AfterResponse::kReset:
      return connection_.close(/*by_reset=*/true);
    case AfterResponse::kKeep:
      break;
  }
  enter(State::kIdle);
  arm_idle_timer();
  if (unread_.empty()) {
    input_.reset();
    connection_.want_read(true);
  } else {
    advance();
  }
}

// --- timers without a request

// The client has not taken the end of the last response: until it has, the connection is no room for another,
// and send_timeout runs. on_output_drained() arms what comes then.
void H1Session::await_output() {
  connection_.note_request(true);
  connection_.set_timeout_ms(services().options.send_timeout_ms);
}

void H1Session::arm_head_timer() {
  if (connection_.output_pending() > 0) return await_output();
  connection_.set_timeout_ms(services().options.client_header_timeout_ms);
}

void H1Session::arm_idle_timer() {
  if (services().draining) return connection_.set_timeout_ms(limits::kDrainIdleMs);
  if (services().options.keepalive_timeout_ms > 0)
    connection_.set_timeout_ms(services().options.keepalive_timeout_ms);
}

// The response is out and refused bytes may still come: closing now would reset the connection and could
// destroy the response on its way (RFC 9112 9.6). What is still pending has send_timeout first.
void H1Session::start_linger() {
  enter(State::kLinger);
  if (connection_.peer_closed()) return connection_.close();
  connection_.shutdown_write();
  unread_ = {};
  input_.reset();
  connection_.want_read(true);
  if (connection_.output_pending() > 0) return await_output();
  connection_.set_timeout_ms(services().draining ? limits::kDrainLingerMs : limits::kLingerMs);
}

void H1Session::become_tunnel() {
  enter(State::kTunnel);
  connection_.cancel_timeout();
}

void H1Session::on_timeout() {
  if (request_ != nullptr) return request_->stream().on_client_timeout();
  if (services().draining && state_ == State::kIdle && connection_.output_pending() == 0)
    return start_linger();
  connection_.close();
}

void H1Session::on_closed() {
  enter(State::kClosed);
  unread_ = {};
}

// A request may be on its way, sent before the client could know: it is served, and its response says that it
// was the last one.
void H1Session::drain() {
  if (state_ == State::kIdle && connection_.output_pending() == 0)
    connection_.set_timeout_ms(limits::kDrainIdleMs);
}

void H1Session::shut_down() {
  if (state_ == State::kIdle || state_ == State::kHead) {
    start_linger();
  } else if (request_ != nullptr) {
    request_->stream().shut_down();
  }
}

}  // namespace apisix::proxy
