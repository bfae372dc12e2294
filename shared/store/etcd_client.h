// EtcdClient: calls to an etcd cluster: which endpoint, with which token, with a retry where that is safe.
// For etcd_*.cc alone (it includes gRPC's headers). Owned by EtcdStore and by the frames of the calls under
// way, so that these can end after the store: every frame keeps `self` and looks at is_closed() after it
// waited.
//
// A read is retried at each endpoint, until its deadline (timeout_ms). A write is retried only when it was
// certainly not done.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/async/scope.h"
#include "shared/async/task.h"
#include "shared/base/result.h"
#include "shared/store/etcd_endpoints.h"
#include "shared/store/etcd_health.h"
#include "shared/store/etcd_member.h"
#include "shared/store/etcd_options.h"
#include "shared/store/etcd_rpc.h"
#include "shared/store/etcd_status.h"

namespace apisix::store {

enum class Repeat : unsigned char { kAlways, kOnlyIfNotSent };

class EtcdClient : public std::enable_shared_from_this<EtcdClient> {
 public:
  template <typename Reply>
  using Begin = std::function<std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>>(
      EtcdMember&, grpc::ClientContext*, grpc::CompletionQueue*)>;

  static base::Result<std::shared_ptr<EtcdClient>> make(event::Loop& loop, const EtcdOptions& options);
  EtcdClient(event::Loop& loop, EtcdOptions options, std::vector<EtcdMember> members);

  // Ends everything under way; waiting calls end with kClosed.
  void close();
  bool is_closed() const { return queue_.is_closed(); }

  // One unary call.
  template <typename Reply>
  async::Task<base::Result<Reply>> ask(Begin<Reply> begin, Repeat repeat, bool with_token = true);
  // The same at one endpoint, without a token and without a second try.
  template <typename Reply>
  async::Task<base::Result<Reply>> ask_member(std::size_t index, Begin<Reply> begin,
                                              std::uint64_t timeout_ms);

  // For streams: gets a token when one is wanted, ...
  async::Task<base::Status> ready();
  // ... the endpoint to use, ...
  std::size_t pick() { return endpoints_.pick(now_ms()); }
  EtcdMember& member(std::size_t index) { return members_[index]; }
  std::size_t members() const { return members_.size(); }
  // ... what to put into its context; the token that was put there.
  std::string sign(grpc::ClientContext& context) const;
  // ... and how it went. True when the token was the reason and a new one may help.
  bool note_failure(std::size_t index, const grpc::Status& status, const std::string& token_used);
  void note_reply(std::size_t index);
  void drop_token(const std::string& token_used);

  RpcQueue& queue() { return queue_; }
  event::Loop& loop() { return queue_.loop(); }
  EtcdHealth& health() { return health_; }
  const EtcdOptions& options() const { return options_; }
  // Of one try at one endpoint.
  std::uint64_t attempt_timeout_ms() const;
  static base::Error closed_error();

 private:
  struct TokenWait;

  std::uint64_t now_ms() const { return now_clock_.monotonic_ms(); }
  bool wants_token() const { return !options_.user.empty() && !auth_is_off_; }
  async::Task<void> authenticate();
  std::unexpected<base::Error> no_reply(base::Error error);
  std::size_t tries_max() const;

  EtcdOptions options_;
  const base::Clock& now_clock_;
  RpcQueue queue_;
  std::vector<EtcdMember> members_;
  EtcdEndpoints endpoints_;
  EtcdHealth health_;
  std::string token_;
  std::optional<base::Error> token_error_;  // of the last attempt to get one
  bool auth_is_off_ = false;                // etcd has users switched off: the configured one is not needed
  bool authenticating_ = false;
  std::vector<async::Completion<bool>*> token_waits_;
  std::optional<async::Scope> scope_;
};

}  // namespace apisix::store
