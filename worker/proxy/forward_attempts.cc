// Attempts, and what happens when one fails. A retry never repeats what a node may have acted on: only what
// no node can have processed, or an idempotent method (RFC 9110 9.2.2), as nginx does.
#include <algorithm>

#include "shared/http/grpc.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"

namespace apisix::proxy {
namespace {

constexpr std::uint16_t kBadGateway = 502;
constexpr std::uint16_t kGatewayTimeout = 504;

bool is_idempotent(http::Method method) {
  switch (method) {
    case http::Method::kPost:
    case http::Method::kPatch:
    case http::Method::kLock:
    case http::Method::kOther:
      return false;
    default:
      return true;
  }
}

}  // namespace

Forward::Forward(Stream& stream)
    : stream_(stream),
      services_(stream.services()),
      node_(stream),
      timer_(services_.loop.timers(), [](void* self) { static_cast<Forward*>(self)->on_timeout(); }, this) {}

Forward::~Forward() {
  if (state_ != State::kDone) abort();
}

void Forward::abort() {
  if (attempt_open_) {
    // After a tunnel both sides have closed: no reset, so that bytes in flight still arrive.
    exchange_->abort(/*reset=*/state_ != State::kTunnel);
    finish_attempt();
  }
  node_.on_abandoned();  // the client's doing, not the node's
  slices_.reset();
  set_state(State::kDone);
}

void Forward::start() {
  if (stream_.chains().has(plugin::Phase::kRequestBodyFilter)) [[unlikely]]
    begin_filtering();
  if (node_.is_grpc()) [[unlikely]]
    read_deadline();
  attempt();
}

// An attempt may fail while it is begun, and ask for a retry: that one begins when the stack is back
// here, so that any number of retries that fail at once is a loop.
void Forward::attempt() {
  tries_.again = true;
  if (std::exchange(tries_.is_begun, true)) return;
  while (std::exchange(tries_.again, false)) open_exchange();
  tries_.is_begun = false;
  stream_.exchange().resume_request();
}

void Forward::open_exchange() {
  // A value made of what a client sent: neither the node nor its connections shall pay for it.
  if (!http::is_writable(make_head())) [[unlikely]]
    return on_unwritable_head();
  plugin::Attempt& attempt = node_.begin_attempt();
  const upstream::Opening opening{.endpoint = node_.endpoint(),
                                  .arena = stream_.arena(),
                                  .keepalive = node_.keepalive(),
                                  .tls = node_.tls(),
                                  .method = stream_.request().upstream_method(),
                                  .protocol = node_.is_grpc() ? http::Protocol::k2 : http::Protocol::k11,
                                  .is_grpc = node_.is_grpc()};
  auto opened = services_.opener->open(opening, *this);
  if (!opened && opened.error().retryable && free_descriptor(services_, ClientKind::kProxy)) {
    opened = services_.opener->open(opening, *this);
  }
  if (!opened) {
    set_state(State::kConnecting);
    const bool is_ours = opened.error().source == base::ErrorSource::kGateway;
    const Failure failure{.kind = is_ours ? FailureKind::kNoConnection : FailureKind::kConnect,
                          .processed = upstream::Exchange::Processed::kNo,
                          .what = opened.error().what};
    log_failure(failure);
    return on_attempt_failed(failure);
  }
  if (exchange_ != nullptr) (*opened)->keep(std::move(exchange_));
  exchange_ = std::move(*opened);
  attempt_open_ = true;
  if (exchange_->is_connected()) {
    attempt.connect_us = 0;
    return begin_exchange();
  }
  set_state(State::kConnecting);
  wait_for_node(node_.timeouts().connect_ms);
}

void Forward::on_connected() {
  node_.attempt().connect_us = node_.elapsed_us();
  begin_exchange();
  stream_.exchange().resume_request();  // reading may have stopped with a full buffer
}

// Of the call, by grpc-timeout: the gateway does not work for a client that has given up.
void Forward::read_deadline() {
  const http::HeaderField* const field = stream_.request().head->headers.find("grpc-timeout");
  if (field == nullptr) return;
  if (const auto timeout_ms = http::parse_grpc_timeout(field->value))
    deadline_ms_ = services_.loop.clock().monotonic_ms() + *timeout_ms;
}

void Forward::wait_for_node(std::uint64_t timeout_ms) {
  if (deadline_ms_ != 0) [[unlikely]] {
    const std::uint64_t now_ms = services_.loop.clock().monotonic_ms();
    timeout_ms = std::min(timeout_ms, deadline_ms_ - std::min(deadline_ms_, now_ms));
  }
  timer_.set_after_ms(timeout_ms);
}

// It says nothing about the node: how long the client waits is the client's to say.
void Forward::on_deadline_exceeded() {
  plugin::log_error(stream_.request(), "the call's deadline passed while upstream {} had it", node_.text());
  exchange_->abort(/*reset=*/true);
  node_.attempt().status = kGatewayTimeout;
  node_.attempt().response_us = node_.elapsed_us();
  if (std::exchange(attempt_open_, false)) count_bytes();
  timer_.cancel();
  slices_.reset();
  node_.on_failed(/*is_retried=*/false, NodeChoice::Blame::kGateway);
  if (stream_.response().is_started()) return stream_.abort_response();
  stream_.respond_error_page(kGatewayTimeout, http::GrpcCode::kDeadlineExceeded);
}

void Forward::on_timeout() {
  if (deadline_ms_ != 0 && services_.loop.clock().monotonic_ms() >= deadline_ms_) [[unlikely]]
    return on_deadline_exceeded();
  switch (state_.state()) {
    case State::kConnecting:
      if (exchange_->is_in_line()) {
        plugin::log_error(stream_.request(), "no connection to {} became free in time", node_.text());
        return fail_attempt(FailureKind::kNoConnection);
      }
      plugin::log_error(stream_.request(), "{} {} timed out",
                        exchange_->is_handshaking() ? "SSL handshaking with" : "connecting to", node_.text());
      return fail_attempt(FailureKind::kConnectTimeout);
    case State::kAwaitHead:
      plugin::log_error(stream_.request(), "upstream {} timed out while {}", node_.text(),
                        exchange_->unsent_bytes() == 0 ? "reading the response head" : "sending the request");
      return fail_attempt(FailureKind::kReceiveTimeout);
    case State::kBody:
      return fail_response("upstream timed out");
    case State::kTunnel:
      return stream_.end_tunnel();
    default:
      return;
  }
}

void Forward::on_failed(const Failure& failure) {
  if (state_ == State::kBody) return fail_response(failure.what);
  if (state_ == State::kTunnel) {
    return failure.kind == FailureKind::kSend ? stream_.end_tunnel() : fail_response(failure.what);
  }
  log_failure(failure);
  on_attempt_failed(failure);
}

// Of a connection that was closed more is known later: on_attempt_failed() logs it.
void Forward::log_failure(const Failure& failure) const {
  plugin::RequestState& request = stream_.request();
  if (failure.kind == FailureKind::kBadResponse) {
    plugin::log_error(request, "upstream {} sent an invalid response: {}", node_.text(), failure.what);
  } else if (failure.kind == FailureKind::kReceive && failure.what.starts_with("SSL_")) {
    plugin::log_error(request, "{} while reading response header from upstream", failure.what);
  } else if (failure.error_number != 0) {
    const std::string doing = "connect() to " + node_.text() + " failed";
    plugin::log_error(request, "{}", base::system_error(doing, failure.error_number).error().what);
  } else if (failure.kind == FailureKind::kConnect || failure.kind == FailureKind::kNoConnection) {
    plugin::log_error(request, "{}", failure.what);
  }
}

void Forward::fail_attempt(FailureKind kind) {
  exchange_->abort(/*reset=*/true);
  on_attempt_failed({.kind = kind, .processed = exchange_->processed()});
}

// Whether the request may go to another node (or to the same one, by another connection).
bool Forward::may_retry(FailureKind kind) const {
  if (stream_.response().is_started() || kind == FailureKind::kBadResponse || !replay_.is_possible())
    return false;
  if (node_.is_too_late()) return false;
  return !may_be_processed_ || is_idempotent(stream_.request().upstream_method());
}

void Forward::on_attempt_failed(const Failure& failure) {
  const bool timed_out =
      failure.kind == FailureKind::kConnectTimeout || failure.kind == FailureKind::kReceiveTimeout;
  const std::uint16_t status = timed_out ? kGatewayTimeout : kBadGateway;
  node_.attempt().status = status;
  node_.attempt().response_us = node_.elapsed_us();
  if (std::exchange(attempt_open_, false)) count_bytes();
  timer_.cancel();
  may_be_processed_ |= failure.processed == upstream::Exchange::Processed::kMaybe;
  const bool again = may_retry(failure.kind);
  // Does not count as a try, as in nginx. A node that lets each connection go stale has its retries.
  if (again && failure.is_stale && tries_.stale < limits::kStaleTriesMax) {
    ++tries_.stale;
    return attempt();
  }
  if (failure.kind == FailureKind::kSend || failure.kind == FailureKind::kReceive) {
    plugin::log_error(stream_.request(), "upstream prematurely closed connection while {}",
                      failure.kind == FailureKind::kSend ? "sending request to upstream"
                                                         : "reading response header from upstream");
  }
  const bool retried = again && node_.has_retries();
  node_.on_failed(retried, failure.kind == FailureKind::kNoConnection ? NodeChoice::Blame::kGateway
                           : timed_out                                ? NodeChoice::Blame::kNodeIsSlow
                                                                      : NodeChoice::Blame::kNode);
  if (retried && node_.pick_next()) return attempt();
  stream_.respond_error_page(status);
}

void Forward::on_unwritable_head() {
  plugin::log_error(stream_.request(), "route {}: the request for the upstream cannot be written",
                    node_.route().id);
  attempt_open_ = false;
  timer_.cancel();
  stream_.respond_error_page(kBadGateway);
}

void Forward::finish_attempt() {
  if (!std::exchange(attempt_open_, false)) return;
  timer_.cancel();
  count_bytes();
  plugin::Attempt& attempt = node_.attempt();
  if (attempt.response_us < 0) attempt.response_us = node_.elapsed_us();
  node_.on_responded();
}

void Forward::count_bytes() {
  plugin::Attempt& attempt = node_.attempt();
  attempt.bytes_sent = exchange_->bytes_sent();
  attempt.bytes_received = exchange_->bytes_received();
}

}  // namespace apisix::proxy
