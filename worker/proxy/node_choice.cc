#include "worker/proxy/node_choice.h"

#include <algorithm>
#include <utility>

#include "shared/base/check.h"
#include "shared/base/host_name.h"
#include "worker/plugin/request_log.h"
#include "worker/proxy/chosen_upstream.h"
#include "worker/proxy/stream.h"
#include "worker/proxy/upstream_head.h"

namespace apisix::proxy {

namespace {

constexpr std::uint16_t kMissingCertificate = 502;
constexpr std::uint16_t kBadCertificate = 503;

}  // namespace

NodeChoice::NodeChoice(Stream& stream)
    : stream_(stream),
      services_(stream.services()),
      resolved_(base::Delegate<void()>::of<&Stream::resume_pipeline>(stream)) {}

NodeChoice::Pick NodeChoice::pick_first(const config::CompiledRoute& route, std::uint16_t& failure) {
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
  if (const Pick chosen = choose_tls(failure); chosen != Pick::kPicked) return chosen;
  const Pick result = pick(failure);
  if (result == Pick::kWait) upstream_->cluster->wait_resolved(resolved_);
  return result;
}

bool NodeChoice::pick_next() {
  --retries_left_;
  std::uint16_t no_node = 0;
  return pick(no_node) == Pick::kPicked;
}

NodeChoice::Pick NodeChoice::pick(std::uint16_t& failure) {
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
  is_grpc_ = stream_.request().upstream.scheme.starts_with("grpc");
  return Pick::kPicked;
}

NodeChoice::Pick NodeChoice::choose_tls(std::uint16_t& failure) {
  const std::string_view wanted = stream_.request().upstream.wanted_scheme;
  if (!upstream::speaks_tls(wanted.empty() ? std::string_view(upstream_->scheme) : wanted)) [[likely]]
    return Pick::kPicked;
  CHECK(upstream_->tls);
  auto context = upstream_->tls->context();
  if (!context) {
    if (context.error().code == base::ErrorCode::kUnavailable) return Pick::kWaitForSecrets;
    plugin::log_error(stream_.request(), "{}", context.error().what);
    failure = context.error().code == base::ErrorCode::kNotFound ? kMissingCertificate : kBadCertificate;
    return Pick::kFailed;
  }
  tls_.context = std::move(*context);
  return Pick::kPicked;
}

const upstream::TlsTarget& NodeChoice::name_server() {
  tls_.server_name = base::server_name_of(stream_.request().upstream.host);
  tls_.alpn = is_grpc_ ? "\x02h2" : std::string_view{};
  endpoint_.tls_identity = tls_.identity();
  return tls_;
}

std::string NodeChoice::text() const {
  sockaddr_storage address{};
  endpoint_.ip.to_sockaddr(endpoint_.port, address);
  return net::to_text(address);
}

const upstream::KeepaliveLimits& NodeChoice::keepalive() const {
  return upstream_->keepalive ? *upstream_->keepalive : services_.options.upstream_keepalive;
}

// --- attempts

plugin::Attempt& NodeChoice::begin_attempt() {
  attempt_ = &stream_.request().add_attempt();
  attempt_->ip = endpoint_.ip;
  attempt_->port = endpoint_.port;
  return *attempt_;
}

std::int64_t NodeChoice::elapsed_us() const {
  return static_cast<std::int64_t>(services_.loop.clock().monotonic_us() - attempt_->started_us);
}

bool NodeChoice::is_too_late() const {
  return retry_deadline_ms_ > 0 && services_.loop.clock().monotonic_ms() >= retry_deadline_ms_;
}

void NodeChoice::on_failed(bool is_retried, Blame blame) {
  if (blame != Blame::kGateway && has_health()) {
    const bool timed_out = blame == Blame::kNodeIsSlow;
    if (is_retried) {
      upstream_->health->on_retried(*node_, endpoint_.ip, timed_out);
    } else {
      upstream_->health->on_failed(*node_, endpoint_.ip, timed_out, attempt_->status);
    }
  }
  report_to_balancer(/*failed=*/true);
}

void NodeChoice::on_responded() {
  if (has_health()) upstream_->health->on_response(*node_, endpoint_.ip, attempt_->status);
  report_to_balancer(/*failed=*/false);
}

void NodeChoice::report_to_balancer(bool failed) {
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

}  // namespace apisix::proxy
