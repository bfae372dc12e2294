#include "worker/proxy/stream.h"

#include <algorithm>
#include <array>

#include "shared/base/check.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/uri.h"
#include "worker/plugin/debug_mode.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/access_log.h"
#include "worker/proxy/client_head.h"
#include "worker/proxy/ignored_lines.h"
#include "worker/proxy/local_reply.h"
#include "worker/proxy/pipeline.h"

namespace apisix::proxy {
namespace {

using State = Stream::State;

struct Move {
  State from;
  State to;
};

constexpr Move kLegalMoves[] = {
    {State::kPipeline, State::kCollecting}, {State::kPipeline, State::kWaiting},
    {State::kPipeline, State::kForwarding}, {State::kPipeline, State::kReplying},
    {State::kCollecting, State::kWaiting},  {State::kCollecting, State::kReplying},
    {State::kWaiting, State::kPipeline},    {State::kWaiting, State::kReplying},
    {State::kForwarding, State::kReplying}, {State::kForwarding, State::kTunnel},
    {State::kPipeline, State::kDone},       {State::kCollecting, State::kDone},
    {State::kWaiting, State::kDone},        {State::kForwarding, State::kDone},
    {State::kReplying, State::kDone},       {State::kTunnel, State::kDone},
};

struct FreeStreams {
  std::array<void*, 64> memory;
  std::size_t count = 0;
  ~FreeStreams() {
    while (count > 0) ::operator delete(memory[--count]);
  }
};

FreeStreams& free_streams() {
  static thread_local FreeStreams free;
  return free;
}

// nginx's code for a client that went away before the answer; only ever logged.
constexpr std::uint16_t kClientClosedRequest = 499;
// Its streams may be silent for as long as they like.
bool is_grpc(const http::RequestHead& head) {
  return head.headers.value(http::KnownHeader::kContentType).starts_with("application/grpc");
}

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

const char* to_string(State state) {
  switch (state) {
    case State::kPipeline:
      return "Pipeline";
    case State::kCollecting:
      return "Collecting";
    case State::kWaiting:
      return "Waiting";
    case State::kForwarding:
      return "Forwarding";
    case State::kReplying:
      return "Replying";
    case State::kTunnel:
      return "Tunnel";
    case State::kDone:
      return "Done";
  }
  return "?";
}

Stream::Stream(Services& services, ClientConnection& client)
    : services_(services),
      client_(client),
      request_(arena_, services.loop.clock()),
      request_body_(arena_),
      forward_(*this, arena_) {
  request_.client = &client.info();
  request_.io = this;
  request_.started_us = services.loop.clock().monotonic_us();
  request_.started_wall_us = services.loop.clock().wall_us();
  request_.remote_ip = client.info().peer_ip;
  request_.remote_port = client.info().peer_port;
}

Stream::~Stream() = default;

void* Stream::operator new(std::size_t bytes) {
  FreeStreams& free = free_streams();
  return free.count > 0 ? free.memory[--free.count] : ::operator new(bytes);
}

void Stream::operator delete(void* memory) {
  FreeStreams& free = free_streams();
  if (free.count < free.memory.size()) {
    free.memory[free.count++] = memory;
  } else {
    ::operator delete(memory);
  }
}

void Stream::set_state(State state) {
  if (state == state_) return;
  bool legal = false;
  for (const Move& move : kLegalMoves) legal |= move.from == state_ && move.to == state;
  CHECK(legal);
  state_ = state;
}

void Stream::start(std::string_view head) {
  request_.request_bytes = head.size();
  auto parsed = http::parse_request_head(arena_.copy(head), arena_, services_.request_limits);
  if (!parsed) return refuse_head(*parsed.error().request, parsed.error().status, parsed.error().what);
  request_.head = *parsed;
  if (request_.head->ignored_lines != nullptr) [[unlikely]]
    log_ignored_lines(request_, request_.head->ignored_lines, "client");
  keep_alive_ = request_.head->keep_alive && services_.options.keepalive_timeout_ms > 0;
  request_body_.start(
      request_.head->framing, request_.head->content_length,
      request_.head->framing == http::Framing::kLength ? http::Framing::kLength : http::Framing::kChunked);
  const std::uint64_t most = services_.options.client_max_body_bytes;
  if (client_.listener().service() != nullptr) {
    collect_body();
  } else if (most > 0 && request_.head->content_length > most) {
    keep_alive_ = false;
    reply_error_page(413);
  } else {
    run_pipeline(*this);
  }
}

void Stream::refuse_bytes(std::string_view bytes, std::uint16_t status, const char* what) {
  request_.request_bytes = bytes.size();
  auto* read = arena_.make<http::RequestHead>();
  read->request_line = arena_.copy(http::first_line(bytes).substr(0, limits::kRequestLineBytesMax));
  refuse_head(*read, status, what);
}

// What was read of the head is for the logs: as in nginx's the request line, and what it asks for.
void Stream::refuse_head(http::RequestHead& read, std::uint16_t status, const char* what) {
  request_.head = &read;
  if (read.path.starts_with('/')) static_cast<void>(settle_target(request_, services_.options));
  if (client_.listener().service() != nullptr) hide_query();
  refuse(status, what);
}

// The key of the Admin API may be in it.
void Stream::hide_query() {
  std::string_view& line = request_.head->request_line;
  line = line.substr(0, line.find('?'));
}

void Stream::refuse(std::uint16_t status, const char* what) {
  if (response_started_) return abort_response();
  if (request_.head == nullptr) request_.head = arena_.make<http::RequestHead>();
  plugin::log_info(request_, "client sent an invalid request ({})", what);
  keep_alive_ = false;
  request_body_.start(http::Framing::kUntilClose, 0, http::Framing::kNone);  // what follows is not to be read
  reply_error_page(status);
}

void Stream::wait_in_phase(std::size_t phase) {
  phase_ = phase;
  set_state(State::kWaiting);
}

event::Loop& Stream::loop() {
  return services_.loop;
}

void Stream::resume_pipeline() {
  if (state_ != State::kWaiting) return;
  set_state(State::kPipeline);
  run_pipeline(*this);
  if (state_ != State::kDone) client_.want_request_bytes();
}

// --- client side inputs

void Stream::on_request_bytes() {
  end_body_wait();
  switch (state_) {
    case State::kForwarding:
    case State::kTunnel:
      return forward_.on_request_bytes();
    case State::kCollecting:
      return collect_body();
    case State::kWaiting:
      if (stored_body_ && !stored_body_->is_complete()) store_body();
      return;
    default:
      return;  // not now: the connection keeps them
  }
}

bool Stream::waits_for_body() const {
  switch (state_) {
    case State::kForwarding:
      return forward_.wants_request_bytes();
    case State::kWaiting:
      return stored_body_ && !stored_body_->is_complete();
    default:
      return state_ == State::kCollecting;
  }
}

void Stream::on_client_drained() {
  if (response_complete_) return end(fate());
  forward_.on_client_drained();
}

// The fields of Services are read again: a drain may have begun since the head.
ClientFate Stream::fate() const {
  return decide_client({.wants_keep_alive = keep_alive_,
                        .request_read = request_read(),
                        .response_complete = response_complete_,
                        .response_delimited = response_delimited_,
                        .draining = services_.draining,
                        .more_received = !client_.unread().empty()});
}

// The rate is an average over the time spent waiting for this client only: a slow upstream is not its fault.
// Every byte buys time, and one client_body_timeout is free: who pauses once is not refused for the rate.
std::uint64_t Stream::body_deadline_ms() {
  if (!waits_for_body()) return kNoDeadline;
  const Options& options = services_.options;
  if (body_wait_started_ms_ == 0) body_wait_started_ms_ = services_.loop.clock().monotonic_ms();
  const std::uint64_t silent_ms = body_wait_started_ms_ + options.client_body_timeout_ms;
  if (options.client_body_min_rate_bytes_per_s == 0 || is_grpc(*request_.head)) return silent_ms;
  const std::uint64_t bought_ms =
      options.client_body_timeout_ms + body_bytes_ * 1000 / options.client_body_min_rate_bytes_per_s;
  const std::uint64_t left_ms = bought_ms > body_waited_ms_ ? bought_ms - body_waited_ms_ : 1;
  return std::min(silent_ms, body_wait_started_ms_ + left_ms);
}

void Stream::extend_send_deadline() {
  send_deadline_ms_ = services_.loop.clock().monotonic_ms() + services_.options.send_timeout_ms;
}

void Stream::end_body_wait() {
  if (body_wait_started_ms_ == 0) return;
  body_waited_ms_ += services_.loop.clock().monotonic_ms() - body_wait_started_ms_;
  body_wait_started_ms_ = 0;
}

void Stream::on_client_closed() {
  if (state_ == State::kTunnel) return forward_.on_tunnel_client_closed();
  on_client_gone();
}

void Stream::on_client_gone() {
  if (state_ == State::kDone) return;
  if (!response_started_) request_.response.status = kClientClosedRequest;
  end(ClientFate::kClose);
}

void Stream::on_client_timeout() {
  if (client_.output_pending() > 0 || response_started_) {
    return end(response_delimited_ ? ClientFate::kClose : ClientFate::kReset);
  }
  plugin::log_info(request_, "client is too slow with its request body");
  forward_.abort();
  keep_alive_ = false;
  reply_error_page(408);
}

void Stream::part() {
  if (state_ == State::kTunnel) return forward_.part_tunnel();
  if (state_ == State::kDone || response_complete_) return;  // on its way out
  if (response_started_) return abort_response();
  forward_.abort();
  keep_alive_ = false;
  reply_error_page(503);
}

void Stream::send_continue_if_expected() {
  if (continue_sent_ || response_started_ || !request_.head->expect_continue) return;
  if (request_body_.done() || !client_.unread().empty()) return;  // it did not wait
  continue_sent_ = true;
  const iovec piece = net::piece(kContinue);
  client_.write({&piece, 1});
}

bool Stream::count_body_bytes(std::size_t bytes) {
  body_bytes_ += bytes;
  request_.request_bytes += bytes;
  const std::uint64_t most = request_.body_bytes_max.value_or(services_.options.client_max_body_bytes);
  if (most == 0 || body_bytes_ <= most) return true;
  keep_alive_ = false;
  forward_.abort();
  if (response_started_) {
    abort_response();
  } else {
    reply_error_page(413);
  }
  return false;
}

// --- answering

void Stream::begin_forward() {
  set_state(State::kForwarding);
  forward_.start();
}

void Stream::reply(std::uint16_t status) {
  request_.reply.status = status;
  reply(request_.reply);
}

void Stream::reply(const plugin::LocalReply& reply) {
  // A plugin's configuration may hold any number.
  if (reply.status < 200 || reply.status > 999) {
    plugin::log_error(request_, "a plugin answers with status {}, which is none", reply.status);
    return reply_error_page(500);
  }
  cancel_hooks();
  if (head_filtered_) take_response_back();
  set_state(State::kReplying);
  plugin::ResponseState& response = request_.response;
  response.status = reply.status;
  response.from_upstream = false;
  if (!reply.content_type.empty() && !response.headers.has(http::KnownHeader::kContentType)) {
    response.headers.set(arena_, http::KnownHeader::kContentType, reply.content_type);
  }
  request_.reply = reply;  // for who asks how long it is
  filter_response_head();
  const bool without_body = answers_without_body();
  std::string_view body = without_body ? std::string_view{} : request_.reply.body;
  std::uint64_t length = request_.reply.body.size();
  bool tells_length = response.status != 204 && response.status != 304;
  if (filters_response_body()) {
    const Filtered filtered = filter_whole_body(request_.reply.body);
    if (filtered.broken) return reply_error_page(502);
    body = filtered.bytes;
    if (!without_body) length = body.size();
    tells_length &= !without_body || !response.body_changes;
  }
  Pieces pieces;
  pieces.add(make_response_head(http::Framing::kLength, length, tells_length, http::ConnectionOption::kNone));
  pieces.add(body);
  response.body_bytes_sent += body.size();
  if (write(pieces)) on_response_complete();
}

void Stream::reply_error_page(std::uint16_t status) {
  request_.reply = make_error_page(status, arena_);
  request_.response.headers.remove(http::KnownHeader::kContentType);  // a plugin's, for another body
  reply(request_.reply);
}

std::string_view Stream::make_response_head(http::Framing framing, std::uint64_t content_length,
                                            bool has_content_length, http::ConnectionOption connection) {
  const http::RequestHead& head = *request_.head;
  plugin::ResponseState& response = request_.response;
  http::ResponseWrite write;
  write.status = response.status;
  write.reason = response.reason;
  write.framing = answers_without_body() ? http::Framing::kNone : framing;
  write.content_length = content_length;
  write.has_content_length = has_content_length;
  if (write.framing == http::Framing::kChunked && head.protocol == http::Protocol::k10) {
    write.framing = http::Framing::kUntilClose;
  }
  response_delimited_ = write.framing != http::Framing::kUntilClose;
  // A body that is still on its way will be read, unless it has been refused (keep_alive_ is off then).
  keep_alive_ = may_keep_client(keep_alive_, response_delimited_, true, services_.draining);
  if (connection != http::ConnectionOption::kNone) {
    write.connection = connection;
    write.upgrade_protocol = response.upstream_head->headers.value(http::KnownHeader::kUpgrade);
  } else if (!keep_alive_) {
    write.connection = http::ConnectionOption::kClose;
  } else {
    write.connection = http::ConnectionOption::kKeepAlive;
  }
  complete_response_headers(request_, services_);
  write.headers = &response.headers;
  response_started_ = true;
  const std::string_view text = http::write_response_head(write, arena_);
  response.bytes_sent += text.size();
  return text;
}

bool Stream::write(Pieces& pieces) {
  if (pieces.empty()) return true;
  if (client_.write(pieces.span())) {
    response_written_ |= response_started_;  // an interim response is not it
    return true;
  }
  on_client_gone();
  return false;
}

void Stream::on_response_complete() {
  response_complete_ = true;
  request_.response.bytes_sent += request_.response.body_bytes_sent;
  if (client_.output_pending() > 0) return;  // on_client_drained() ends it
  end(fate());
}

void Stream::abort_response(std::uint16_t status) {
  if (response_written_) return end(fate());
  reply_error_page(status);
}

// A head was made, or only filtered, and not sent: what it said is not true any more (RFC 9110 15.6.3).
// Filters have run once and do not see what is sent in its place.
void Stream::take_response_back() {
  response_started_ = false;
  body_filter_.reset();
  plugin::ResponseState& response = request_.response;
  response.headers.remove_if([](const http::HeaderField&) { return true; });
  response.headers.set(arena_, http::KnownHeader::kServer, services_.options.server_header);
  response.reason = {};
  response.bytes_sent = 0;
  response.body_bytes_sent = 0;
  response.body_changes = false;
}

void Stream::start_tunnel() {
  set_state(State::kTunnel);
  client_.become_tunnel();
}

// The body that a hook waits for may have become whole in this turn: the hook is queued then.
void Stream::cancel_hooks() {
  chains_.cancel();
  if (stored_body_ != nullptr) stored_body_->forget_waiter();
}

void Stream::end(ClientFate fate) {
  set_state(State::kDone);
  cancel_hooks();
  forward_.abort();
  request_.response.complete = response_complete_;
  plugin::DebugTrace* trace =
      client_.listener().service() == nullptr ? plugin::find_trace(request_) : nullptr;
  if (trace != nullptr) trace->on_phase("http_log_phase", request_);
  if (chains_.has(plugin::Phase::kLog)) chains_.log(request_);
  if (trace != nullptr) trace->on_phase_done("http_log_phase", request_);
  if (is_logged_ && client_.listener().service() == nullptr) {
    count_traffic();
    if (services_.access_log != nullptr) services_.access_log->write(request_);
  }
  client_.end_stream(fate);
}

void Stream::count_traffic() {
  if (services_.traffic == nullptr) return;
  const std::uint64_t latency_us = services_.loop.clock().monotonic_us() - request_.started_us;
  if (!route_) return services_.traffic->count_unrouted(request_.response.status, latency_us);
  services_.traffic->count(memory::TrafficKind::kRoute, route_->id, route_->traffic, request_.response.status,
                           latency_us);
}

// --- local services

void Stream::collect_body() {
  if (local_ == nullptr) {
    set_state(State::kCollecting);
    request_body_.start(request_.head->framing, request_.head->content_length, http::Framing::kLength);
    hide_query();
    if (const TargetFault fault = open_local_exchange()) return reply_error_page(fault.status);
    // Of a client that sends one all the same, the end is not waited for.
    if (local_->body_bytes_max == 0) return serve_local();
  }
  LocalService& service = *client_.listener().service();
  bool too_large = request_.head->content_length > local_->body_bytes_max;
  while (!too_large && !request_body_.done() && !client_.unread().empty()) {
    Pieces pieces;
    const BodyPump::Step step = request_body_.take(client_.unread(), pieces);
    for (const iovec& piece : pieces.span()) {
      if (!local_->charge.set(local_->request.body.size() + piece.iov_len)) {
        keep_alive_ = false;
        local_->answer = error_answer(503, "too many request bodies are held at this moment");
        return send_local_answer();
      }
      local_->request.body.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    client_.consume_unread(step.consumed);
    body_bytes_ += step.body_bytes;
    if (step.result == BodyPump::Result::kBad) return refuse(400, "malformed chunked body");
    too_large = local_->request.body.size() > local_->body_bytes_max;
  }
  if (too_large) {
    keep_alive_ = false;
    local_->answer = service.too_large(
        local_->request, std::max<std::uint64_t>(request_.head->content_length, local_->request.body.size()));
    return send_local_answer();
  }
  if (request_body_.done()) return serve_local();
  send_continue_if_expected();
}

TargetFault Stream::open_local_exchange() {
  const http::RequestHead& head = *request_.head;
  if (const TargetFault fault = find_method_fault(head)) return fault;
  const auto normal = http::normalize_path(head.path, arena_);
  if (!normal) return {400, "a path that is none", false};
  local_ = std::make_unique<LocalExchange>();
  LocalRequest& request = local_->request;
  request.method = head.method_text;
  request.path = normal->path;
  request.raw_path = head.path;
  request.query = head.query;
  request.headers = &head.headers;
  request.peer_ip = client_.info().peer_ip;
  local_->charge = plugin::BodyBudget::Charge(&services_.bodies, plugin::BodyBudget::Use::kOperator);
  local_->body_bytes_max = client_.listener().service()->body_bytes_max(request);
  return {};
}

void Stream::serve_local() {
  if (!request_body_.done()) keep_alive_ = false;
  set_state(State::kWaiting);
  local_->task = run_local_service();
  local_->task.start();
}

async::Task<void> Stream::run_local_service() {
  local_->answer = co_await client_.listener().service()->serve(local_->request);
  // The coroutine cannot end its own Stream: the loop does, when it has come to rest. The client may have
  // gone in the same turn, or got another answer because the worker leaves.
  services_.loop.ready().push(
      local_->served,
      [](void* self) {
        auto* stream = static_cast<Stream*>(self);
        if (stream->state_ == State::kWaiting) stream->send_local_answer();
      },
      this);
}

void Stream::send_local_answer() {
  const LocalAnswer& answer = local_->answer;
  for (const auto& [name, value] : answer.headers) {
    request_.response.headers.add(arena_, arena_.copy(name), arena_.copy(value));
  }
  reply({static_cast<std::uint16_t>(answer.status), answer.body, answer.content_type});
}

}  // namespace apisix::proxy
