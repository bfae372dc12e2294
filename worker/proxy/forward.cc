// The exchange with one node: the request goes out, the response comes back. Choosing nodes and retrying is
// in forward_attempts.cc.
#include "worker/proxy/forward.h"

#include "shared/base/text.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/client_head.h"
#include "worker/proxy/close_rules.h"
#include "worker/proxy/ignored_lines.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {
namespace {

using State = Forward::State;

constexpr std::uint16_t kBadGateway = 502;

}  // namespace

const char* to_string(Forward::State state) {
  switch (state) {
    case State::kIdle:
      return "Idle";
    case State::kResolving:
      return "Resolving";
    case State::kConnecting:
      return "Connecting";
    case State::kAwaitHead:
      return "AwaitHead";
    case State::kBody:
      return "Body";
    case State::kTunnel:
      return "Tunnel";
    case State::kDone:
      return "Done";
  }
  return "?";
}

// --- request side

void Forward::begin_exchange() {
  set_state(State::kAwaitHead);
  scanner_.reset();
  partial_head_.reset();
  request_sent_ = false;
  send_failed_ = false;
  Pieces pieces;
  pieces.add(head_);
  if (stream_.content().stored() != nullptr) {
    add_stored_body(pieces);  // may be a chunk of its own: one to a write
    if (!send(pieces)) return;
    pieces.clear();
  }
  if (to_upstream_.empty()) {
    pieces.add(replay_.view());
  } else {
    to_upstream_.append(replay_.view());
  }
  if (!stream_.exchange().request_read()) stream_.exchange().send_continue_if_expected();
  if (!pump_request(pieces)) return;
  arm_timer();
}

// A whole one is counted by the head's Content-Length, and so is the beginning of one that came with its
// length.
void Forward::add_stored_body(Pieces& pieces) const {
  const BodyCollector& stored = *stream_.content().stored();
  if (stored.view().empty()) return;
  const iovec piece = net::piece(stored.view());
  const http::Framing framing =
      stored.is_partial() ? stream_.request().head->framing : http::Framing::kLength;
  add_framed({.pieces = {&piece, 1}, .bytes = stored.view().size()}, framing, stream_.arena(), pieces);
}

void Forward::on_request_content() {
  if (state_ == State::kTunnel) return tunnel_->on_client_bytes();
  if (state_ != State::kAwaitHead && state_ != State::kBody) return;
  if (connection_ == nullptr) return;  // the response is complete, the client is still reading it
  Pieces pieces;
  if (!stream_.exchange().request_read() && pump_request(pieces)) arm_timer();
}

// Sends `pieces` and as much of the request's body as there is behind them. False: the attempt ended.
bool Forward::pump_request(Pieces& pieces) {
  ClientExchange& client = stream_.exchange();
  while (to_upstream_.empty()) {
    std::size_t body_bytes = 0;
    if (!client.request_read()) {
      Pieces content;
      const ClientExchange::Read read = client.read_content(content);
      if (read.result == ClientExchange::ReadResult::kBad) {
        abort();
        stream_.refuse(400, "malformed chunked body");
        return false;
      }
      const bool end = read.result == ClientExchange::ReadResult::kEnd;
      const std::size_t first_body_piece = pieces.size();
      add_framed({.pieces = content.span(),
                  .bytes = read.bytes,
                  .end = end,
                  .trailers = end ? stream_.content().trailers() : nullptr},
                 stream_.request().head->framing, stream_.arena(), pieces);
      remember_for_replay(pieces.span().subspan(first_body_piece));
      body_bytes = read.bytes;
    }
    if (pieces.empty()) break;  // nothing is at hand
    if (!send(pieces)) return false;
    if (body_bytes > 0 && !stream_.count_body_bytes(body_bytes)) return false;
    if (body_bytes == 0) break;
    pieces.clear();
  }
  request_sent_ = client.request_read() && to_upstream_.empty();
  return true;
}

bool Forward::send(Pieces& pieces) {
  const net::IoResult result = connection_->write(pieces.span());
  if (result.kind == net::IoResult::Kind::kError) {
    return on_send_failed(pieces);
  }
  any_bytes_sent_ = true;
  attempt_->bytes_sent += pieces.bytes();
  to_upstream_.append_rest(pieces.span(), result.bytes);
  if (!to_upstream_.empty()) connection_->want_write(true);
  return true;
}

// The node takes no more. It may have responded before it closed (413 to a long body): when it has seen some
// of the request, reading decides what happened; the rest of the body is read and dropped until then.
bool Forward::on_send_failed(const Pieces& pieces) {
  if (attempt_->bytes_sent > 0) {
    connection_->want_write(false);
    to_upstream_.clear();
    send_failed_ = true;
    return true;
  }
  // All of the body that was taken is in `pieces`, behind the head.
  if (!any_bytes_sent_ && stream_.content().stored() == nullptr) {
    replayable_ = true;
    replay_.clear();
    for (const iovec& piece : pieces.span().subspan(1)) {
      replay_.append(stream_.request().arena, {static_cast<const char*>(piece.iov_base), piece.iov_len});
    }
  }
  on_attempt_failed(Failure::kSend);
  return false;
}

void Forward::remember_for_replay(std::span<const iovec> pieces) {
  if (!replayable_) return;
  for (const iovec& piece : pieces) {
    if (replay_.size() + piece.iov_len > limits::kReplayBytesMax) {
      replayable_ = false;
      replay_.clear();
      return;
    }
    replay_.append(stream_.request().arena, {static_cast<const char*>(piece.iov_base), piece.iov_len});
  }
}

void Forward::on_upstream_writable() {
  if (state_ == State::kTunnel) return tunnel_->on_upstream_writable();
  std::array<iovec, 16> pieces;
  while (!to_upstream_.empty()) {
    const std::size_t count = to_upstream_.front(pieces);
    const net::IoResult result = connection_->write({pieces.data(), count});
    if (result.kind == net::IoResult::Kind::kError) {
      if (!on_send_failed({})) return;
      break;
    }
    if (!result.done()) return arm_timer();
    to_upstream_.consume(result.bytes);
  }
  connection_->want_write(false);
  request_sent_ = stream_.exchange().request_read();
  arm_timer();
  stream_.exchange().resume_request();
}

bool Forward::wants_request_content() const {
  return (state_ == State::kAwaitHead || state_ == State::kBody) && connection_ != nullptr &&
         !stream_.exchange().request_read() && to_upstream_.empty();
}

// One timer for the node's side: connect, send or read timeout, by what it has to do next.
void Forward::arm_timer() {
  if (connection_ == nullptr || state_ == State::kTunnel) return;
  if (!to_upstream_.empty()) {
    connection_->timer().set_after_ms(timeouts_.send_ms);
  } else if (request_sent_ && !reading_paused_) {
    connection_->timer().set_after_ms(timeouts_.read_ms);
  } else {
    connection_->timer().cancel();  // now the client's own timeout runs
  }
}

// --- response side

void Forward::on_upstream_readable() {
  const std::span<char> scratch(services_.upstream_scratch.get(), limits::kScratchBytes);
  const net::IoResult got = connection_->read(scratch);
  switch (got.kind) {
    case net::IoResult::Kind::kAgain:
      return;
    case net::IoResult::Kind::kClosed:
      return on_upstream_closed();
    case net::IoResult::Kind::kError:
      if (state_ == State::kAwaitHead) return on_attempt_failed(Failure::kReceive);
      return fail_response("connection to upstream broke");
    case net::IoResult::Kind::kDone:
      break;
  }
  attempt_->bytes_received += got.bytes;
  on_response_bytes({scratch.data(), got.bytes});
}

void Forward::on_response_bytes(std::string_view bytes) {
  if (state_ == State::kTunnel) return tunnel_->on_upstream_bytes(bytes);
  if (state_ == State::kAwaitHead) {
    if (partial_head_ != nullptr) {
      partial_head_->append(bytes);
      const std::string whole = std::move(*partial_head_);
      partial_head_.reset();
      read_heads(whole);
    } else {
      read_heads(bytes);
    }
    return;
  }
  if (filters_body_) return pump_filtered(bytes);
  pump_response(bytes);
}

// Heads until the final one; what is behind it is the body.
void Forward::read_heads(std::string_view bytes) {
  for (;;) {
    const auto found = scanner_.scan(bytes);
    if (found == http::HeadScanner::Result::kBad) return on_bad_head("malformed response head");
    if (found == http::HeadScanner::Result::kNeedMore) {
      if (bytes.size() > limits::kResponseHeadBytesMax) return on_bad_head("the head is too large");
      if (!bytes.empty()) partial_head_ = std::make_unique<std::string>(bytes);
      return arm_timer();
    }
    const std::size_t head_bytes = scanner_.head_bytes();
    scanner_.reset();
    plugin::RequestState& request = stream_.request();
    const auto head =
        http::parse_response_head(request.arena.copy(bytes.substr(0, head_bytes)), request.arena,
                                  request.upstream_method(), services_.response_limits);
    if (!head) return on_bad_head(head.error().what);
    if ((*head)->ignored_lines != nullptr) [[unlikely]]
      log_ignored_lines(request, (*head)->ignored_lines, "upstream");
    bytes.remove_prefix(head_bytes);
    if ((*head)->status >= 200) return begin_response(**head, bytes);
    if ((*head)->status == 101) return begin_upgrade(**head, bytes);
    if (++informational_ > limits::kInformationalResponsesMax)
      return on_bad_head("too many informational responses");
    if (!pass_informational(**head)) return;
  }
}

void Forward::on_bad_head(const char* what) {
  plugin::log_error(stream_.request(), "upstream {} sent an invalid response: {}", node_text(), what);
  on_attempt_failed(Failure::kBadResponse);
}

// 100 ends at this hop, where its Expect did (RFC 9110 10.1.1); the others are for the client.
bool Forward::pass_informational(http::ResponseHead& head) {
  return head.status == 100 || stream_.response().write_informational(head);
}

void Forward::note_header_received(http::ResponseHead& head) {
  plugin::RequestState& request = stream_.request();
  attempt_->status = head.status;
  attempt_->header_us = elapsed_us();
  plugin::ResponseState& response = request.response;
  response.status = head.status;
  response.reason = head.reason;
  response.from_upstream = true;
  response.upstream_head = &head;
  response_keep_alive_ = head.keep_alive;
}

void Forward::begin_response(http::ResponseHead& head, std::string_view body) {
  set_state(State::kBody);
  note_header_received(head);
  plugin::RequestState& request = stream_.request();
  take_upstream_headers(request, head);
  stream_.response().filter_head();
  const bool dropped = stream_.response().has_no_body() && head.framing != http::Framing::kNone;
  filters_body_ = stream_.response().filters_body() || dropped;
  response_length_ = length_to_client(head);
  head_waits_ = true;
  response_body_.start(head.framing, head.content_length);
  if (filters_body_) return pump_filtered(body);
  pump_response(body);
}

// The client's method and the status that plugins left decide whether there is a body, whatever the upstream
// thinks of it (its method may be another, RFC 9112 6.3).
BodyLength Forward::length_to_client(const http::ResponseHead& head) const {
  if (stream_.request().response.body_changes) return {};
  if (head.framing == http::Framing::kNone && !stream_.response().has_no_body()) return {true, 0};
  return {head.has_content_length, head.content_length};
}

// The head goes out with the first content.
bool Forward::send_content(const Content& content) {
  if (std::exchange(head_waits_, false)) return stream_.response().write_head(response_length_, content);
  return stream_.response().write_body(content);
}

void Forward::pump_response(std::string_view bytes) {
  for (;;) {
    Pieces content;
    const H1BodyDecoder::Step step = response_body_.take(bytes, content);
    bytes.remove_prefix(step.consumed);
    stream_.request().response.body_bytes_sent += step.bytes;
    attempt_->body_bytes_received += step.bytes;
    if (step.result == H1BodyDecoder::Result::kBad) return fail_response("malformed chunked body");
    const bool done = step.result == H1BodyDecoder::Result::kDone;
    // Release first: the client's next request, which this write may allow, finds the connection pooled.
    if (done) finish_exchange(!bytes.empty());
    if (!send_content({.pieces = content.span(),
                       .bytes = step.bytes,
                       .end = done,
                       .trailers = done ? response_body_.trailers() : nullptr})) {
      return;
    }
    if (done) return stream_.on_response_complete();
    if (bytes.empty() || step.consumed == 0) break;
  }
  pause_if_client_is_slow();
  arm_timer();
}

void Forward::finish_exchange(bool more_received) {
  const bool pool =
      may_pool_upstream({response_keep_alive_, true, request_sent_ && !send_failed_, more_received});
  release(pool ? Release::kPool : Release::kClose);
}

void Forward::pause_if_client_is_slow() {
  if (reading_paused_ || stream_.exchange().unsent_bytes() <= limits::kOutputPendingBytesMax) return;
  reading_paused_ = true;
  connection_->want_read(false);
}

void Forward::on_client_drained() {
  if (state_ == State::kTunnel) return tunnel_->on_client_drained();
  if (slices_ != nullptr) return slices_->waits_for_client ? go_on_filtering() : void();
  if (!reading_paused_ || connection_ == nullptr) return;
  reading_paused_ = false;
  connection_->want_read(true);
  arm_timer();
}

void Forward::on_upstream_closed() {
  if (state_ == State::kAwaitHead) return on_attempt_failed(Failure::kReceive);
  if (state_ == State::kTunnel) return tunnel_->on_upstream_closed();
  if (response_body_.on_sender_closed() == H1BodyDecoder::Result::kBad) {
    return fail_response("upstream prematurely closed connection");
  }
  release(Release::kClose);
  if (filters_body_) return end_filtered();
  if (send_content({.end = true})) stream_.on_response_complete();
}

void Forward::begin_upgrade(http::ResponseHead& head, std::string_view bytes) {
  if (!head.upgrade || !stream_.request().head->upgrade || !route_->enable_websocket) {
    return on_attempt_failed(Failure::kBadResponse);
  }
  set_state(State::kTunnel);
  note_header_received(head);
  take_upstream_headers(stream_.request(), head);
  stream_.response().filter_head();
  stream_.request().response.set_status(101);  // no plugin makes something else of an upgrade
  tunnel_ =
      std::make_unique<Tunnel>(stream_, *connection_, *attempt_, timeouts_.read_ms, std::move(to_upstream_));
  tunnel_->start(base::equals_ignore_case(head.headers.value(http::KnownHeader::kUpgrade), "websocket"),
                 bytes);
}

// While the head is not out the client gets an error page. Else it has to notice that the response is cut.
void Forward::fail_response(const char* what) {
  plugin::log_error(stream_.request(), "{} while reading the response of {}", what, node_text());
  release(Release::kReset);
  slices_.reset();
  stream_.abort_response(kBadGateway);
}

}  // namespace apisix::proxy
