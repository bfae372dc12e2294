#include "shared/store/etcd_client.h"

#include <algorithm>
#include <chrono>

#include <unistd.h>

#include "shared/base/log.h"

namespace apisix::store {
namespace {

// With several endpoints one that hangs must not eat the whole time of a call.
constexpr std::uint64_t kAttemptMsMin = 2'000;
constexpr int kTokensPerCall = 2;
// Of each endpoint, within the time of a call.
constexpr std::size_t kRounds = 2;
constexpr std::uint64_t kElectionWaitMs = 50;

template <typename Reply>
struct UnaryCall final : RpcCall {
  using RpcCall::RpcCall;
  Reply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> reader;
};

std::chrono::system_clock::time_point deadline_in(std::uint64_t ms) {
  return std::chrono::system_clock::now() + std::chrono::milliseconds(ms);
}

}  // namespace

// Waits for the authentication that another call began.
struct EtcdClient::TokenWait {
  explicit TokenWait(EtcdClient& of) : client(of), done(of.loop()) { of.token_waits_.push_back(&done); }
  ~TokenWait() { std::erase(client.token_waits_, &done); }
  TokenWait(const TokenWait&) = delete;
  TokenWait& operator=(const TokenWait&) = delete;

  EtcdClient& client;
  async::Completion<bool> done;
};

base::Result<std::shared_ptr<EtcdClient>> EtcdClient::make(event::Loop& loop, const EtcdOptions& options) {
  if (options.hosts.empty()) return base::invalid("deployment.etcd.host names no endpoint");
  std::vector<EtcdMember> members;
  for (const std::string& url : options.hosts) {
    auto member = make_etcd_member(url, options.tls);
    if (!member) return std::unexpected(member.error());
    members.push_back(std::move(*member));
  }
  return std::make_shared<EtcdClient>(loop, options, std::move(members));
}

EtcdClient::EtcdClient(event::Loop& loop, EtcdOptions options, std::vector<EtcdMember> members)
    : options_(std::move(options)),
      now_clock_(loop.clock()),
      queue_(loop),
      members_(std::move(members)),
      endpoints_(members_.size(), static_cast<std::size_t>(getpid()), options_.health_check_timeout_ms),
      health_(loop.clock()),
      scope_(std::in_place, loop) {}

void EtcdClient::close() {
  scope_.reset();
  queue_.close();
  for (async::Completion<bool>* wait : token_waits_) wait->set(false);
}

base::Error EtcdClient::closed_error() {
  return {base::ErrorCode::kClosed, base::ErrorSource::kStore, true, "the store was closed"};
}

std::uint64_t EtcdClient::attempt_timeout_ms() const {
  if (members_.size() == 1) return options_.timeout_ms;
  const std::uint64_t share = options_.timeout_ms / (kRounds * members_.size());
  return std::min(options_.timeout_ms, std::max(share, kAttemptMsMin));
}

std::string EtcdClient::sign(grpc::ClientContext& context) const {
  if (!token_.empty()) context.AddMetadata("token", token_);
  return token_;
}

void EtcdClient::drop_token(const std::string& token_used) {
  if (token_ == token_used) token_.clear();
}

void EtcdClient::note_reply(std::size_t index) {
  endpoints_.mark_replied(index);
  health_.note_reply(members_[index].url);
}

bool EtcdClient::note_failure(std::size_t index, const grpc::Status& status, const std::string& token_used) {
  const Verdict verdict = verdict_of(status);
  if (verdict == Verdict::kNeedsToken) {
    auth_is_off_ = false;
    drop_token(token_used);
    return wants_token();
  }
  if (verdict == Verdict::kRefused || verdict == Verdict::kElecting) {
    note_reply(index);
  } else if (endpoints_.mark_failed(index, now_ms()) && members_.size() > 1) {
    base::log_warn("{}", error_of(status, members_[index].url).what);
  }
  return false;
}

template <typename Reply>
async::Task<base::Result<Reply>> EtcdClient::ask(Begin<Reply> begin, Repeat repeat, bool with_token) {
  const auto self = shared_from_this();
  const std::uint64_t end_ms = now_ms() + options_.timeout_ms;
  std::size_t tried = 0;
  int tokens = 0;
  for (;;) {
    if (is_closed()) co_return std::unexpected(closed_error());
    if (with_token) {
      if (auto status = co_await ready(); !status) co_return std::unexpected(status.error());
      if (is_closed()) co_return std::unexpected(closed_error());
    }
    const std::size_t index = pick();
    auto call = std::make_shared<UnaryCall<Reply>>(queue_);
    const std::uint64_t left_ms = end_ms > now_ms() ? end_ms - now_ms() : 1;
    call->context.set_deadline(deadline_in(std::min(attempt_timeout_ms(), left_ms)));
    const std::string token = with_token ? sign(call->context) : std::string();
    RpcWait wait(queue_, call);
    call->reader = begin(members_[index], &call->context, queue_.grpc_queue());
    call->reader->Finish(&call->reply, &call->status, wait.tag());
    co_await wait.done();
    if (is_closed()) co_return std::unexpected(closed_error());
    if (call->status.ok()) {
      note_reply(index);
      co_return std::move(call->reply);
    }
    if (note_failure(index, call->status, token) && ++tokens < kTokensPerCall) continue;
    const Verdict verdict = verdict_of(call->status);
    base::Error error = error_of(call->status, members_[index].url);
    if (verdict == Verdict::kRefused || verdict == Verdict::kNeedsToken) co_return std::unexpected(error);
    const bool may_repeat = repeat == Repeat::kAlways || verdict == Verdict::kNotSent;
    if (!may_repeat || now_ms() >= end_ms) co_return no_reply(std::move(error));
    if (verdict == Verdict::kElecting) {
      co_await async::Sleep(loop(), kElectionWaitMs);
    } else if (++tried >= tries_max()) {
      co_return no_reply(std::move(error));
    }
  }
}

std::unexpected<base::Error> EtcdClient::no_reply(base::Error error) {
  health_.note_no_reply(error.what);
  return std::unexpected(std::move(error));
}

// One endpoint that refuses is asked once: its caller knows better when to come back.
std::size_t EtcdClient::tries_max() const {
  return members_.size() == 1 ? 1 : kRounds * members_.size();
}

template <typename Reply>
async::Task<base::Result<Reply>> EtcdClient::ask_member(std::size_t index, Begin<Reply> begin,
                                                        std::uint64_t timeout_ms) {
  const auto self = shared_from_this();
  if (is_closed()) co_return std::unexpected(closed_error());
  auto call = std::make_shared<UnaryCall<Reply>>(queue_);
  call->context.set_deadline(deadline_in(timeout_ms));
  RpcWait wait(queue_, call);
  call->reader = begin(members_[index], &call->context, queue_.grpc_queue());
  call->reader->Finish(&call->reply, &call->status, wait.tag());
  co_await wait.done();
  if (is_closed()) co_return std::unexpected(closed_error());
  if (call->status.ok()) co_return std::move(call->reply);
  co_return std::unexpected(error_of(call->status, members_[index].url));
}

// --- the token

// At most one authentication at a time: etcd spends a tenth of a second of CPU on each.
async::Task<base::Status> EtcdClient::ready() {
  const auto self = shared_from_this();
  if (!wants_token() || !token_.empty()) co_return base::Status{};
  if (!authenticating_) {
    authenticating_ = true;
    token_error_.reset();
    scope_->spawn(authenticate());
  }
  if (authenticating_) {
    TokenWait wait(*this);
    co_await wait.done;
  }
  if (is_closed()) co_return std::unexpected(closed_error());
  if (token_error_) co_return std::unexpected(*token_error_);
  co_return base::Status{};
}

async::Task<void> EtcdClient::authenticate() {
  etcdserverpb::AuthenticateRequest request;
  request.set_name(options_.user);
  request.set_password(options_.password);
  const auto reply = co_await ask<etcdserverpb::AuthenticateResponse>(
      [request](EtcdMember& member, grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return member.auth->AsyncAuthenticate(context, request, queue);
      },
      Repeat::kAlways, false);
  authenticating_ = false;
  if (reply) {
    token_ = reply->token();
  } else if (reply.error().what.find("authentication is not enabled") != std::string::npos) {
    base::log_warn("etcd has authentication switched off: deployment.etcd.user is not used");
    auth_is_off_ = true;
  } else {
    token_error_ = reply.error();
  }
  for (async::Completion<bool>* wait : token_waits_) wait->set(true);
}

template async::Task<base::Result<etcdserverpb::RangeResponse>> EtcdClient::ask(
    Begin<etcdserverpb::RangeResponse>, Repeat, bool);
template async::Task<base::Result<etcdserverpb::TxnResponse>> EtcdClient::ask(
    Begin<etcdserverpb::TxnResponse>, Repeat, bool);
template async::Task<base::Result<etcdserverpb::LeaseGrantResponse>> EtcdClient::ask(
    Begin<etcdserverpb::LeaseGrantResponse>, Repeat, bool);
template async::Task<base::Result<etcdserverpb::StatusResponse>> EtcdClient::ask_member(
    std::size_t, Begin<etcdserverpb::StatusResponse>, std::uint64_t);

}  // namespace apisix::store
