// Choosing nodes, and what happens when one fails. A retry never repeats what a node may have acted on:
// only before anything was sent, or for an idempotent method (RFC 9110 9.2.2), as nginx does.
#include <algorithm>

#include "worker/plugin/request_log.h"
#include "worker/proxy/chosen_upstream.h"
#include "worker/proxy/forward.h"
#include "worker/proxy/stream.h"
#include "worker/proxy/upstream_head.h"

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
      resolved_([](void* self) { static_cast<Forward*>(self)->stream_.resume_pipeline(); }, this),
      response_body_(stream.arena()) {}

Forward::~Forward() {
  abort();
}

void Forward::abort() {
  // After a tunnel both sides have closed: no reset, so that bytes in flight still arrive.
  if (connection_ != nullptr) release(state_ == State::kTunnel ? Release::kClose : Release::kReset);
  report_to_balancer(/*failed=*/false);  // the client's doing, not the node's
  slices_.reset();
  set_state(State::kDone);
}

std::int64_t Forward::elapsed_us() const {
  return static_cast<std::int64_t>(services_.loop.clock().monotonic_us() - attempt_->started_us);
}

std::string Forward::node_text() const {
  sockaddr_storage address{};
  endpoint_.ip.to_sockaddr(endpoint_.port, address);
  return net::to_text(address);
}

Forward::Pick Forward::pick_first(const config::CompiledRoute& route, std::uint16_t& failure) {
  if (!upstream_) {
    route_ = &route;
    ChosenUpstream chosen = choose_upstream(stream_.request(), route);
    if (!chosen.upstream) {
      plugin::log_error(stream_.request(), "{} of route {}", chosen.why, route.id);
      failure = chosen.status;
      return Pick::kFailed;
    }
    upstream_ = std::move(chosen.upstream);
    timeouts_ = route.timeouts ? *route.timeouts : upstream_->timeouts.value_or(config::Timeouts{});
    const std::size_t nodes = upstream_->cluster->node_count();
    const std::size_t retries = upstream_->retries.value_or(nodes > 0 ? nodes - 1 : 0);
    retries_left_ = static_cast<std::uint32_t>(std::min<std::size_t>(retries, limits::kRetriesMax));
    if (upstream_->retry_timeout_ms > 0) {
      retry_deadline_ms_ = services_.loop.clock().monotonic_ms() + upstream_->retry_timeout_ms;
    }
    picks_.hash_key = hash_key_of(*upstream_->cluster, stream_.request());
  }
  const Pick pick = pick_next(failure);
  if (pick == Pick::kWait) upstream_->cluster->wait_resolved(resolved_);
  return pick;
}

// Chooses the next node; what depends on the node is set for it.
Forward::Pick Forward::pick_next(std::uint16_t& failure) {
  picks_.now_us = services_.loop.clock().monotonic_us();
  const upstream::ClusterPick pick = upstream_->cluster->pick(picks_);
  if (pick.error == upstream::PickError::kResolving) return Pick::kWait;
  if (!pick) {
    plugin::log_error(stream_.request(), "failed to pick server of route {}: {}", route_->id,
                      upstream::text_of(pick.error));
    failure = static_cast<std::uint16_t>(upstream::status_of(pick.error));
    return Pick::kFailed;
  }
  node_ = pick.node;
  endpoint_ = {pick.address, pick.port, 0};
  set_upstream_target(stream_.request(), *upstream_, node_->host, node_->port);
  return Pick::kPicked;
}

void Forward::start() {
  attempt(Next::kNode);
}

// An attempt may fail while it is begun, and ask for a retry: that one begins when the stack is back
// here, so that any number of retries that fail at once is a loop.
void Forward::attempt(Next next) {
  next_ = next;
  if (attempting_) return;
  attempting_ = true;
  while (next_ != Next::kNothing) {
    if (std::exchange(next_, Next::kNothing) == Next::kReconnect || write_head()) connect_node();
  }
  attempting_ = false;
  stream_.exchange().resume_request();
}

// False, with a response: a host or target would not be one line.
bool Forward::write_head() {
  plugin::RequestState& request = stream_.request();
  http::RequestWrite write;
  write.method = request.upstream.method.empty() ? request.head->method_text : request.upstream.method;
  write.target = request.upstream.uri;
  write.host = request.upstream.host;
  write.headers = &request.head->headers;
  write.framing = request.head->framing;
  write.content_length = request.head->content_length;
  if (request.head->upgrade && route_->enable_websocket) {
    write.connection = http::ConnectionOption::kUpgrade;
    write.upgrade_protocol = request.head->upgrade_protocol;
  }
  head_ = http::write_request_head(write, request.arena);
  if (!head_.empty()) return true;
  plugin::log_error(request, "route {}: the request for the upstream cannot be written", route_->id);
  stream_.respond_error_page(kBadGateway);
  return false;
}

void Forward::connect_node() {
  attempt_ = &stream_.request().add_attempt();
  attempt_->ip = endpoint_.ip;
  attempt_->port = endpoint_.port;
  connection_ = services_.pool.take_idle(endpoint_, *this);
  if (connection_ != nullptr) {
    attempt_->connect_us = 0;
    return begin_exchange();
  }
  set_state(State::kConnecting);
  auto connecting = services_.pool.connect(endpoint_, *this);
  if (!connecting && connecting.error().retryable && free_descriptor(services_, ClientKind::kProxy)) {
    connecting = services_.pool.connect(endpoint_, *this);
  }
  if (!connecting) {
    plugin::log_error(stream_.request(), "{}", connecting.error().what);
    const bool is_ours = connecting.error().source == base::ErrorSource::kGateway;
    return on_attempt_failed(is_ours ? Failure::kNoSocket : Failure::kConnect);
  }
  connection_ = *connecting;
  connection_->timer().set_after_ms(timeouts_.connect_ms);
}

void Forward::on_upstream_connected(int error_number) {
  if (error_number != 0) {
    plugin::log_error(
        stream_.request(), "{}",
        base::system_error("connect() to " + node_text() + " failed", error_number).error().what);
    return on_attempt_failed(Failure::kConnect);
  }
  attempt_->connect_us = elapsed_us();
  begin_exchange();
  stream_.exchange().resume_request();  // reading may have stopped with a full buffer
}

void Forward::on_upstream_timeout() {
  switch (state_.state()) {
    case State::kConnecting:
      plugin::log_error(stream_.request(), "connecting to {} timed out", node_text());
      return on_attempt_failed(Failure::kConnectTimeout);
    case State::kAwaitHead:
      plugin::log_error(stream_.request(), "upstream {} timed out while {}", node_text(),
                        to_upstream_.empty() ? "reading the response head" : "sending the request");
      return on_attempt_failed(Failure::kReceiveTimeout);
    case State::kBody:
      return fail_response("upstream timed out");
    case State::kTunnel:
      return stream_.end_tunnel();
    default:
      return;
  }
}

// Whether the request may go to another node (or to the same one, by a fresh connection).
bool Forward::may_retry(Failure failure) const {
  if (stream_.response().is_started() || failure == Failure::kBadResponse || !replayable_) return false;
  if (retry_deadline_ms_ > 0 && services_.loop.clock().monotonic_ms() >= retry_deadline_ms_) return false;
  if (!any_bytes_sent_) return true;
  return is_idempotent(stream_.request().upstream_method());
}

// The node closed a pooled connection while the request was in flight: it was not read.
bool Forward::was_stale(Failure failure) const {
  return connection_ != nullptr && connection_->is_reused() && attempt_->bytes_received == 0 &&
         (failure == Failure::kSend || failure == Failure::kReceive);
}

void Forward::on_attempt_failed(Failure failure) {
  const bool timed_out = failure == Failure::kConnectTimeout || failure == Failure::kReceiveTimeout;
  const std::uint16_t status = timed_out ? kGatewayTimeout : kBadGateway;
  const bool stale = was_stale(failure);
  attempt_->status = status;
  attempt_->response_us = elapsed_us();
  if (connection_ != nullptr) drop_connection();
  to_upstream_.clear();
  const bool again = may_retry(failure);
  if (again && stale) return attempt(Next::kReconnect);  // does not count as a try, as in nginx
  if (failure == Failure::kSend || failure == Failure::kReceive) {
    plugin::log_error(
        stream_.request(), "upstream prematurely closed connection while {}",
        failure == Failure::kSend ? "sending request to upstream" : "reading response header from upstream");
  }
  const bool retried = again && retries_left_ > 0;
  if (failure != Failure::kNoSocket) report_health(retried ? Ending::kRetried : Ending::kFailed, timed_out);
  report_to_balancer(/*failed=*/true);
  std::uint16_t no_node = 0;
  if (retried) {
    --retries_left_;
    if (pick_next(no_node) == Pick::kPicked) return attempt(Next::kNode);
  }
  stream_.respond_error_page(status);
}

// after() is called exactly once for each node that the balancer gave.
void Forward::report_to_balancer(bool failed) {
  if (node_ == nullptr) return;
  upstream::PickOutcome outcome;
  outcome.failed = failed;
  outcome.now_us = services_.loop.clock().monotonic_us();
  if (attempt_ != nullptr && attempt_->response_us >= 0)
    outcome.latency_us = static_cast<std::uint64_t>(attempt_->response_us);
  if (services_.traffic != nullptr && attempt_ != nullptr) {
    services_.traffic->count(memory::TrafficKind::kUpstream, upstream_->cluster->id(),
                             upstream_->runtime->traffic, attempt_->status, outcome.latency_us);
  }
  upstream_->cluster->after(picks_, node_->index, outcome);
  node_ = nullptr;
}

// Of an attempt that has ended; a client that disconnected before the response says nothing about the node.
void Forward::report_health(Ending ending, bool timed_out) {
  if (!upstream_->health || node_ == nullptr || attempt_->status == 0) return;
  switch (ending) {
    case Ending::kRetried:
      return upstream_->health->on_retried(*node_, endpoint_.ip, timed_out);
    case Ending::kFailed:
      return upstream_->health->on_failed(*node_, endpoint_.ip, timed_out, attempt_->status);
    case Ending::kResponded:
      return upstream_->health->on_response(*node_, endpoint_.ip, attempt_->status);
  }
}

void Forward::drop_connection() {
  upstream::Connection& connection = *std::exchange(connection_, nullptr);
  services_.pool.drop(connection, /*reset=*/state_ != State::kConnecting);
}

void Forward::release(Release how) {
  if (connection_ == nullptr) return;
  upstream::Connection& connection = *connection_;
  connection_ = nullptr;
  if (attempt_ != nullptr && attempt_->response_us < 0) attempt_->response_us = elapsed_us();
  if (attempt_ != nullptr) report_health(Ending::kResponded, false);
  report_to_balancer(/*failed=*/false);
  to_upstream_.clear();
  if (how != Release::kPool) return services_.pool.drop(connection, how == Release::kReset);
  if (may_send_unasked()) connection.check_before_reuse();
  services_.pool.put(connection, upstream_->keepalive.value_or(services_.options.upstream_keepalive));
}

bool Forward::may_send_unasked() const {
  if (response_body_.framing() != http::Framing::kNone) return false;
  const std::uint16_t status = attempt_->status;
  return status == 204 || status == 304 || stream_.request().upstream_method() == http::Method::kHead;
}

}  // namespace apisix::proxy
