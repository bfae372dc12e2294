// Content both ways: the request goes out, the response comes back. Attempts and retries are in
// forward_attempts.cc.
#include "worker/proxy/forward.h"

#include "shared/base/text.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/client_head.h"
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
  const bool is_taken = is_request_taken();
  if (!is_taken) stream_.exchange().send_continue_if_expected();
  if (!send_head(is_taken)) return;
  if (is_taken || pump_request()) arm_timer();
}

bool Forward::is_request_taken() const {
  if (request_filter_ != nullptr) [[unlikely]]
    return request_filter_->has_ended();
  return stream_.exchange().request_read();
}

http::RequestWrite Forward::make_head() const {
  const plugin::RequestState& request = stream_.request();
  http::RequestWrite write;
  write.method = request.upstream.method.empty() ? request.head->method_text : request.upstream.method;
  write.target = request.upstream.uri;
  write.host = request.upstream.host;
  write.headers = &request.head->headers;
  write.received = request.head;
  write.framing = request.head->framing;
  write.content_length = request.head->content_length;
  if (request.head->upgrade && node_.route().enable_websocket) {
    write.connection = http::ConnectionOption::kUpgrade;
    write.upgrade_protocol = request.head->upgrade_protocol;
  }
  return write;
}

// Behind the head goes the body that was stored, else what earlier attempts sent of it, else what is at hand.
// A stored one is counted by the head's Content-Length when it is whole, and so is the beginning of one that
// came with its length. What plugins filter is all in what earlier attempts sent. `is_read`: as
// is_request_taken() says. False: the attempt ended.
bool Forward::send_head(bool is_read) {
  const BodyCollector* const stored = request_filter_ == nullptr ? stream_.content().stored() : nullptr;
  Pieces pieces;
  Content content;
  if (stored == nullptr && replay_.empty() && !is_read) {
    return read_request(pieces, content) && send_first(content, /*is_new=*/true);
  }
  const bool stored_first = stored != nullptr && !replay_.empty();
  pieces.add(stored != nullptr ? stored->view() : replay_.view());
  content.pieces = pieces.span();
  content.bytes = stored != nullptr ? stored->view().size() : replay_.view().size();
  content.end = is_read && !stored_first;
  if (content.end) content.trailers = trailers();
  if (!send_first(content, /*is_new=*/false)) return false;
  if (!stored_first) return true;
  const iovec piece = net::piece(replay_.view());
  return send_body({.pieces = {&piece, 1},
                    .bytes = piece.iov_len,
                    .end = is_read,
                    .trailers = is_read ? trailers() : nullptr});
}

// `is_new`: what was just taken from the client.
bool Forward::send_first(const Content& first, bool is_new) {
  http::RequestWrite head = make_head();
  if (request_filter_ != nullptr) [[unlikely]]
    frame_filtered(head, first);
  const bool is_sent = exchange_->write_head(head, first);
  count_bytes();
  const bool is_counted = !is_new || first.bytes == 0 || request_filter_ != nullptr;
  if (is_sent) return is_counted || stream_.count_body_bytes(first.bytes);
  const Failure& failure = exchange_->failure();
  if (failure.kind == FailureKind::kUnwritable) {
    on_unwritable_head();
    return false;
  }
  if (!is_counted && !stream_.count_body_bytes(first.bytes)) return false;
  if (is_new && !may_be_processed_) replay_.restart_with(first, stream_.arena());
  on_attempt_failed(failure);
  return false;
}

bool Forward::send_body(const Content& content) {
  const bool is_sent = exchange_->write_body(content);
  count_bytes();
  if (!is_sent) on_attempt_failed(exchange_->failure());
  return is_sent;
}

const http::HeaderMap* Forward::trailers() {
  return stream_.request().head->framing != http::Framing::kNone ? stream_.content().trailers() : nullptr;
}

// What is at hand. False: it is no body, the request was refused.
bool Forward::read_request(Pieces& pieces, Content& content) {
  if (request_filter_ != nullptr) [[unlikely]]
    return read_filtered(content);
  const ClientExchange::Read read = stream_.exchange().read_content(pieces);
  if (read.result == ClientExchange::ReadResult::kBad) {
    abort();
    stream_.refuse(400, "malformed chunked body");
    return false;
  }
  content.pieces = pieces.span();
  content.bytes = read.bytes;
  content.end = read.result == ClientExchange::ReadResult::kEnd;
  if (content.end) content.trailers = trailers();
  replay_.remember(content, stream_.arena());
  return true;
}

void Forward::on_request_content() {
  if (state_ == State::kTunnel) return tunnel_->on_client_bytes();
  if (state_ != State::kAwaitHead && state_ != State::kBody) return;
  if (!attempt_open_) return;  // the response is complete, the client is still reading it
  if (!is_request_taken() && pump_request()) arm_timer();
}

// Sends as much of the request's body as there is. False: the attempt ended.
bool Forward::pump_request() {
  if (request_filter_ != nullptr) [[unlikely]]
    return pump_filtered();
  while (!stream_.exchange().request_read() && exchange_->unsent_bytes() == 0) {
    Pieces pieces;
    Content content;
    if (!read_request(pieces, content)) return false;
    if (content.bytes == 0 && !content.end) break;  // nothing is at hand
    if (!send_body(content)) return false;
    if (content.bytes > 0 && !stream_.count_body_bytes(content.bytes)) return false;
  }
  return true;
}

void Forward::on_request_writable() {
  if (state_ == State::kTunnel) return tunnel_->on_upstream_writable();
  arm_timer();
  if (exchange_->unsent_bytes() == 0) stream_.exchange().resume_request();
}

bool Forward::wants_request_content() const {
  return (state_ == State::kAwaitHead || state_ == State::kBody) && attempt_open_ && !is_request_taken() &&
         exchange_->unsent_bytes() == 0 && (request_filter_ == nullptr || !request_filter_->has_work());
}

// One timer for the node's side: connect, send or read timeout, by what it has to do next.
void Forward::arm_timer() {
  if (!attempt_open_ || state_ == State::kTunnel) return;
  if (exchange_->unsent_bytes() > 0) {
    wait_for_node(node_.timeouts().send_ms);
  } else if (!reading_paused_ && is_request_taken()) {
    wait_for_node(node_.timeouts().read_ms);
  } else if (deadline_ms_ != 0) {
    wait_for_node(deadline_ms_);
  } else {
    timer_.cancel();  // now the client's own timeout runs
  }
}

// --- response side

void Forward::log_ignored(const http::ResponseHead& head) {
  if (head.ignored_lines != nullptr) [[unlikely]]
    log_ignored_lines(stream_.request(), head.ignored_lines, "upstream");
}

// 100 ends at this hop, where its Expect did (RFC 9110 10.1.1); the others are for the client.
void Forward::on_informational(http::ResponseHead& head) {
  count_bytes();
  log_ignored(head);
  if (++informational_ > limits::kInformationalResponsesMax) {
    log_failure({.kind = FailureKind::kBadResponse, .what = "too many informational responses"});
    return fail_attempt(FailureKind::kBadResponse);
  }
  if (head.status != 100) stream_.response().write_informational(head);
}

void Forward::note_header_received(http::ResponseHead& head) {
  count_bytes();
  log_ignored(head);
  plugin::Attempt& attempt = node_.attempt();
  attempt.status = head.status;
  attempt.header_us = node_.elapsed_us();
  plugin::ResponseState& response = stream_.request().response;
  response.status = head.status;
  response.reason = head.reason;
  response.from_upstream = true;
  response.upstream_head = &head;
}

void Forward::on_response(http::ResponseHead& head) {
  set_state(State::kBody);
  note_header_received(head);
  take_upstream_headers(stream_.request(), head);
  stream_.response().filter_head();
  const bool dropped = stream_.response().has_no_body() && head.framing != http::Framing::kNone;
  filters_body_ = stream_.response().filters_body() || dropped;
  response_length_ = length_to_client(head);
  head_waits_ = true;
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

void Forward::on_response_content(const Content& content, bool more_at_hand) {
  count_bytes();
  node_.attempt().body_bytes_received += content.bytes;
  if (content.end) finish_attempt();
  if (filters_body_) return filter_content(content, more_at_hand);
  stream_.request().response.body_bytes_sent += content.bytes;
  if (!send_content(content)) return;
  if (content.end) return stream_.on_response_complete();
  pause_if_client_is_slow();
  arm_timer();
}

void Forward::pause_if_client_is_slow() {
  if (reading_paused_ || stream_.exchange().unsent_bytes() <= limits::kOutputPendingBytesMax) return;
  reading_paused_ = true;
  exchange_->pause_response();
}

void Forward::on_client_drained() {
  if (state_ == State::kTunnel) return tunnel_->on_client_drained();
  if (slices_ != nullptr) return slices_->waits_for_client ? go_on_filtering() : void();
  if (!reading_paused_ || !attempt_open_) return;
  reading_paused_ = false;
  exchange_->resume_response();
  arm_timer();
}

void Forward::on_upgrade(http::ResponseHead& head, std::string_view bytes) {
  if (!head.upgrade || !stream_.request().head->upgrade || !node_.route().enable_websocket) {
    log_ignored(head);
    return fail_attempt(FailureKind::kBadResponse);
  }
  set_state(State::kTunnel);
  note_header_received(head);
  take_upstream_headers(stream_.request(), head);
  stream_.response().filter_head();
  if (stream_.request().response.refusal != 0) return fail_response("a plugin gave up");
  stream_.request().response.set_status(101);  // no plugin makes something else of an upgrade
  exchange_->start_tunnel();
  tunnel_ = std::make_unique<Tunnel>(stream_, *exchange_, node_.attempt(), timer_, node_.timeouts());
  tunnel_->start(base::equals_ignore_case(head.headers.value(http::KnownHeader::kUpgrade), "websocket"),
                 bytes);
}

void Forward::on_tunnel_bytes(std::string_view bytes) {
  count_bytes();
  tunnel_->on_upstream_bytes(bytes);
}

// While the head is not out the client gets an error page. Else it has to notice that the response is cut.
void Forward::fail_response(std::string_view what) {
  plugin::log_error(stream_.request(), "{} while reading the response of {}", what, node_.text());
  exchange_->abort(/*reset=*/true);
  finish_attempt();
  slices_.reset();
  stream_.abort_response(kBadGateway);
}

}  // namespace apisix::proxy
