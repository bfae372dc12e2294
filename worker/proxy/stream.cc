#include "worker/proxy/stream.h"

#include "shared/http/request_line.h"
#include "worker/plugin/debug_mode.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/access_log.h"
#include "worker/proxy/client_certificate.h"
#include "worker/proxy/direct_response.h"
#include "worker/proxy/ignored_lines.h"
#include "worker/proxy/local_handler.h"
#include "worker/proxy/pipeline.h"
#include "worker/proxy/request_target.h"

namespace apisix::proxy {
namespace {

using State = Stream::State;

// nginx's code for a client that disconnected before the response; only ever logged.
constexpr std::uint16_t kClientClosedRequest = 499;
// nginx's: the connection is closed, nothing is said.
constexpr std::uint16_t kCloseSilently = 444;
// Its streams may be silent for as long as they like.
bool is_grpc(const http::RequestHead& head) {
  return head.headers.value(http::KnownHeader::kContentType).starts_with("application/grpc");
}

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
    case State::kResponding:
      return "Responding";
    case State::kTunnel:
      return "Tunnel";
    case State::kDone:
      return "Done";
  }
  return "?";
}

Stream::Stream(Services& services, const Listener& listener, const plugin::ClientInfo& client,
               ClientExchange& exchange)
    : services_(services),
      listener_(listener),
      exchange_(exchange),
      request_(arena_, services.loop.clock()),
      content_(services, exchange, request_, chains_),
      streamed_(services.loop, exchange, request_, response_,
                base::Delegate<void(ClientExchange::Ending)>::of<&Stream::on_streamed_failed>(*this)),
      chains_(request_),
      pipeline_(services.loop, base::Delegate<void()>::of<&Stream::resume_pipeline>(*this)),
      response_(services, exchange, request_, is_local() ? nullptr : &chains_,
                base::Delegate<void()>::of<&Stream::on_client_gone>(*this)),
      forward_(*this),
      deadlines_(services.loop.clock(), services.options) {
  request_.client.connection = &client;
  request_.io = &content_;
  request_.response.stream = &streamed_;
  request_.received.monotonic_us = services.loop.clock().monotonic_us();
  request_.received.wall_us = services.loop.clock().wall_us();
  request_.client.ip = client.peer_ip;
  request_.client.port = client.peer_port;
}

Stream::~Stream() = default;

void Stream::on_request(http::RequestHead& head, std::size_t head_bytes) {
  request_.received.bytes = head_bytes;
  request_.head = &head;
  if (head.protocol >= http::Protocol::k2) [[unlikely]]  // gRPC needs it
    request_.client.is_grpc = http::is_grpc_type(head.headers.value(http::KnownHeader::kContentType));
  if (head.ignored_lines != nullptr) [[unlikely]]
    log_ignored_lines(request_, head.ignored_lines, "client");
  if (listener_.tls() != nullptr && is_refused_by_connection()) return;
  if (is_local()) {
    hide_query();
    local_ = std::make_unique<LocalHandler>(*this, *listener_.service());
    return local_->start();
  }
  if (content_.exceeds_limit(head.content_length)) {
    exchange_.close_after_response();
    respond_error_page(413);
  } else {
    run_pipeline(*this);
  }
}

// As in nginx the connection ends with it.
bool Stream::is_refused_by_connection() {
  const auto page = refuse_by_connection(*request_.client.connection, *listener_.tls(), is_local(), arena_);
  if (!page) return false;
  exchange_.discard_request();
  request_.direct_response = *page;
  respond(request_.direct_response);
  return true;
}

// What was read of the head is for the logs: as in nginx's the request line, and what it asks for.
void Stream::on_bad_request(http::RequestHead& head, std::size_t head_bytes, std::uint16_t status,
                            const char* what) {
  request_.received.bytes = head_bytes;
  request_.head = &head;
  if (head.path.starts_with('/')) static_cast<void>(normalize_target(request_, services_.options));
  if (is_local()) hide_query();
  refuse(status, what);
}

// The key of the Admin API may be in it. A head without a line of its own (HTTP/2) gets one first: made
// later, it would have the query again.
void Stream::hide_query() {
  const std::string_view line = http::request_line(*request_.head, arena_);
  request_.head->request_line = line.substr(0, line.find('?'));
}

// --- inputs from the session

void Stream::on_request_content() {
  deadlines_.end_body_wait();
  switch (state()) {
    case State::kForwarding:
    case State::kTunnel:
      return forward_.on_request_content();
    case State::kCollecting:
      return local_->on_request_content();
    case State::kWaiting:
      if (content_.is_storing()) content_.on_content();
      return;
    default:
      return;  // not now: the session keeps it
  }
}

bool Stream::waits_for_body() const {
  switch (state()) {
    case State::kForwarding:
      return forward_.wants_request_content();
    case State::kWaiting:
      return content_.is_storing();
    default:
      return state_ == State::kCollecting;
  }
}

std::uint64_t Stream::body_deadline_ms() {
  if (!waits_for_body()) return ClientDeadlines::kNone;
  return deadlines_.body_deadline_ms(content_.bytes(), /*has_min_rate=*/!is_grpc(*request_.head));
}

void Stream::on_writable() {
  if (response_.is_complete()) return end(ClientExchange::Ending::kWhole);
  if (streamed_.has_begun()) return streamed_.on_writable();
  forward_.on_client_drained();
}

void Stream::on_client_closed() {
  if (state_ == State::kTunnel) return forward_.tunnel().on_client_closed();
  on_client_reset();
}

void Stream::on_client_reset() {
  if (state_ == State::kDone) return;
  if (!response_.is_started()) request_.response.status = kClientClosedRequest;
  end(ClientExchange::Ending::kClientGone);
}

void Stream::on_client_timeout() {
  if (exchange_.unsent_bytes() > 0 || response_.is_started()) return end(ClientExchange::Ending::kBroken);
  plugin::log_info(request_, "client is too slow with its request body");
  forward_.abort();
  exchange_.close_after_response();
  respond_error_page(408);
}

void Stream::shut_down() {
  if (state_ == State::kTunnel) return forward_.tunnel().shut_down();
  if (state_ == State::kDone || response_.is_complete()) return;  // on its way out
  if (response_.is_started()) return abort_response();
  forward_.abort();
  exchange_.close_after_response();
  respond_error_page(503);
}

// --- from its parts

void Stream::resume_pipeline() {
  if (state_ != State::kWaiting) return;
  set_state(State::kPipeline);
  run_pipeline(*this);
  if (state_ != State::kDone) exchange_.resume_request();
}

bool Stream::count_body_bytes(std::size_t bytes) {
  if (content_.count_bytes(bytes)) return true;
  exchange_.close_after_response();
  forward_.abort();
  abort_response(413);
  return false;
}

// --- the response

void Stream::respond(const plugin::DirectResponse& direct) {
  // A plugin's configuration may hold any number.
  if (direct.status < 200 || direct.status > 999) {
    plugin::log_error(request_, "a plugin answers with status {}, which is none", direct.status);
    return respond_error_page(500);
  }
  if (direct.status == kCloseSilently && direct.body.empty()) [[unlikely]] {
    request_.response.set_status(kCloseSilently);  // for access.log
    return end(ClientExchange::Ending::kBroken);
  }
  cancel_hooks();
  set_state(State::kResponding);
  switch (response_.send(direct)) {
    case ResponseWriter::Sent::kWhole:
      return on_response_complete();
    case ResponseWriter::Sent::kRefused:
      return abort_response();
    case ResponseWriter::Sent::kClientGone:
      return;
  }
}

// Always true.
bool Stream::end_streamed() {
  set_state(State::kResponding);
  streamed_.is_whole() ? on_response_complete() : abort_response();
  return true;
}

// A write found it. The hook that streams a response is on the stack then.
void Stream::on_client_gone() {
  if (state_ == State::kPipeline || state_ == State::kWaiting) return streamed_.on_client_gone();
  on_client_reset();
}

void Stream::on_streamed_failed(ClientExchange::Ending ending) {
  if (state_ == State::kDone) return;
  if (ending == ClientExchange::Ending::kClientGone) return on_client_reset();
  abort_response();
  if (state_ != State::kDone) exchange_.resume_request();
}

void Stream::respond_error_page(std::uint16_t status, std::optional<http::GrpcCode> code) {
  if (status == kCloseSilently) [[unlikely]]
    return respond({.status = status, .body = {}, .content_type = {}});
  request_.direct_response = request_.client.is_grpc
                                 ? make_grpc_error(status, code.value_or(http::grpc_code_of(status)))
                                 : make_error_page(status, arena_);
  request_.response.headers.remove(http::KnownHeader::kContentType);  // a plugin's, for another body
  respond(request_.direct_response);
}

void Stream::refuse(std::uint16_t status, const char* what) {
  if (response_.is_started()) return abort_response();
  plugin::log_info(request_, "client sent an invalid request ({})", what);
  exchange_.discard_request();
  respond_error_page(status);
}

void Stream::on_response_complete() {
  response_.complete();
  if (exchange_.unsent_bytes() > 0) return;  // on_writable() ends it
  end(ClientExchange::Ending::kWhole);
}

void Stream::abort_response(std::uint16_t status) {
  if (response_.is_started()) return end(ClientExchange::Ending::kBroken);
  const std::uint16_t refusal = request_.response.refusal;
  respond_error_page(refusal != 0 ? refusal : status);
}

// --- the end

void Stream::cancel_hooks() {
  chains_.cancel();
  content_.forget_waiter();
}

void Stream::end(ClientExchange::Ending ending) {
  set_state(State::kDone);
  cancel_hooks();
  forward_.abort();
  request_.response.complete = response_.is_complete();
  plugin::DebugTrace* trace = is_local() ? nullptr : plugin::find_trace(request_);
  if (trace != nullptr) trace->on_phase("http_log_phase", request_);
  if (chains_.has(plugin::Phase::kLog)) chains_.log();
  if (trace != nullptr) trace->on_phase_done("http_log_phase", request_);
  if (pipeline_.is_logged() && !is_local()) {
    count_traffic();
    if (services_.access_log != nullptr) services_.access_log->write(request_);
  }
  exchange_.finish(ending);
}

void Stream::count_traffic() {
  if (services_.traffic == nullptr) return;
  const std::uint64_t latency_us = services_.loop.clock().monotonic_us() - request_.received.monotonic_us;
  const config::CompiledRoute* route = pipeline_.route();
  if (route == nullptr) return services_.traffic->count_unrouted(request_.response.status, latency_us);
  services_.traffic->count(memory::TrafficKind::kRoute, route->id, route->runtime->traffic,
                           request_.response.status, latency_us);
}

}  // namespace apisix::proxy
