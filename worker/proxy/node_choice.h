// NodeChoice: which upstream and node a request goes to, how often it may go to another one, and what the
// balancer, the health checks and the traffic counts learn of each attempt. Each node that was picked is
// reported exactly once. A member of Forward.
#pragma once

#include <cstdint>
#include <string>

#include "worker/config/compiled.h"
#include "worker/plugin/request_state.h"
#include "worker/proxy/services.h"
#include "worker/upstream/tls_target.h"

namespace apisix::proxy {

class Stream;

class NodeChoice {
 public:
  explicit NodeChoice(Stream& stream);
  NodeChoice(const NodeChoice&) = delete;
  NodeChoice& operator=(const NodeChoice&) = delete;

  enum class Pick : std::uint8_t { kPicked, kWait, kWaitForSecrets, kFailed };
  // kWait: names are being looked up, then Stream::resume_pipeline() is called. kWaitForSecrets: those of the
  // certificate that is shown; again when one was read. kFailed: `failure` is the status of the response.
  Pick pick_first(const config::CompiledRoute& route, std::uint16_t& failure);
  // Another node for a retry; counts. What depends on the node is set for it. False: none.
  bool pick_next();

  // --- of the node that was picked
  const upstream::Endpoint& endpoint() const { return endpoint_; }
  // Null: plain. Asked before each attempt: the Host that goes out is the server's name, too (SNI).
  const upstream::TlsTarget* tls() { return tls_.context ? &name_server() : nullptr; }
  // "192.0.2.1:80"
  std::string text() const;
  const config::CompiledRoute& route() const { return *route_; }
  const config::Timeouts& timeouts() const { return timeouts_; }
  const upstream::KeepaliveLimits& keepalive() const;
  // Of the schemes grpc and grpcs.
  bool is_grpc() const { return is_grpc_; }

  // --- attempts
  plugin::Attempt& begin_attempt();
  // The last one.
  plugin::Attempt& attempt() { return *attempt_; }
  std::int64_t elapsed_us() const;
  bool has_retries() const { return retries_left_ > 0; }
  // retry_timeout has passed.
  bool is_too_late() const;

  // --- how the attempt ended, once for each node
  enum class Blame : std::uint8_t { kNode, kNodeIsSlow, kGateway };
  void on_failed(bool is_retried, Blame blame);
  // By a response, or by the client's or the gateway's doing: its failures, if any, are no reason for another
  // attempt.
  void on_responded();
  // It says nothing about the node.
  void on_abandoned() {
    if (node_ != nullptr) report_to_balancer(/*failed=*/false);
  }

 private:
  Pick pick(std::uint16_t& failure);
  Pick choose_tls(std::uint16_t& failure);
  const upstream::TlsTarget& name_server();
  void report_to_balancer(bool failed);
  // A client that disconnected before the response says nothing about the node.
  bool has_health() const { return upstream_->health && node_ != nullptr && attempt_->status != 0; }

  Stream& stream_;
  Services& services_;
  const config::CompiledRoute* route_ = nullptr;  // kept by the Stream
  base::Ref<const config::CompiledUpstream> upstream_;
  upstream::PickContext picks_;
  upstream::ClusterWait resolved_;
  const upstream::Node* node_ = nullptr;  // picked, without its callback after() yet
  config::Timeouts timeouts_;
  upstream::Endpoint endpoint_;
  upstream::TlsTarget tls_;  // without a context: plain
  plugin::Attempt* attempt_ = nullptr;
  std::uint64_t retry_deadline_ms_ = 0;  // 0: none
  std::uint32_t retries_left_ = 0;
  bool is_grpc_ = false;
};

}  // namespace apisix::proxy
