#include "shared/store/etcd_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/base/check.h"
#include "shared/store/etcd_client.h"
#include "shared/store/etcd_feed.h"
#include "shared/store/etcd_items.h"

namespace apisix::store {
namespace {

using etcdserverpb::RangeRequest;
using etcdserverpb::RangeResponse;

EtcdClient::Begin<RangeResponse> begin_range(RangeRequest request) {
  return [request = std::move(request)](EtcdMember& member, grpc::ClientContext* context,
                                        grpc::CompletionQueue* queue) {
    return member.kv->AsyncRange(context, request, queue);
  };
}

// A page shall be neither many small messages nor a burden for etcd, which builds it in memory: the first
// gives the size of items here.
constexpr std::int64_t kFirstPageItems = 500;
constexpr std::int64_t kPageBytes = 4 << 20;
constexpr std::int64_t kReserveMax = 1'000'000;

bool is_too_large(const base::Error& error) {
  return error.code == base::ErrorCode::kTooLarge;
}

// The pages of one list, all at the revision of the first.
class Pages {
 public:
  Pages(const std::string& prefix, std::int64_t items_max)
      : items_max_(items_max), limit_(std::min(items_max, kFirstPageItems)) {
    request_.set_key(prefix);
    request_.set_range_end(range_end_of(prefix));
    if (prefix.empty()) request_.set_key(std::string(1, '\0'));
  }

  const RangeRequest& next() {
    request_.set_limit(limit_);
    return request_;
  }
  // Larger than it was to be: the same again with half as many.
  bool shrink() {
    if (limit_ <= 1) return false;
    limit_ /= 2;
    return true;
  }
  // True when there is more to read.
  bool take(RangeResponse& page) {
    if (request_.revision() == 0) {
      reply.revision = page.header().revision();
      cluster_id = page.header().cluster_id();
      request_.set_revision(reply.revision);
      reply.items.reserve(static_cast<std::size_t>(std::clamp(page.count(), std::int64_t{0}, kReserveMax)));
    }
    if (page.kvs_size() == 0) return false;
    const auto item_bytes = static_cast<std::int64_t>(page.ByteSizeLong()) / page.kvs_size() + 1;
    limit_ = std::clamp(kPageBytes / item_bytes, std::int64_t{1}, items_max_);
    request_.set_key(page.kvs(page.kvs_size() - 1).key() + '\0');
    for (auto& item : *page.mutable_kvs()) reply.items.push_back(take_item(item));
    return page.more();
  }

  ListReply reply;
  std::uint64_t cluster_id = 0;

 private:
  RangeRequest request_;
  std::int64_t items_max_;
  std::int64_t limit_;
};

struct KeepAliveCall final : RpcCall {
  using RpcCall::RpcCall;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<etcdserverpb::LeaseKeepAliveRequest,
                                                etcdserverpb::LeaseKeepAliveResponse>>
      rpc;
  etcdserverpb::LeaseKeepAliveRequest request;
  etcdserverpb::LeaseKeepAliveResponse reply;
  grpc::Status status;
};

base::Error no_such_lease(LeaseId lease) {
  return {base::ErrorCode::kNotFound, base::ErrorSource::kStore, false,
          fmt::format("there is no lease {:x}: it ran out, or never was", lease)};
}

// etcd has a stream for it; we ask once and leave.
async::Task<bool> keep_alive_once(EtcdClient& client, std::shared_ptr<KeepAliveCall> call,
                                  EtcdMember& member) {
  {
    RpcWait started(client.queue(), call);
    call->rpc = member.lease->AsyncLeaseKeepAlive(&call->context, client.queue().grpc_queue(), started.tag());
    if (!co_await started.done() || client.is_closed()) co_return false;
  }
  {
    RpcWait written(client.queue(), call);
    call->rpc->Write(call->request, written.tag());
    if (!co_await written.done() || client.is_closed()) co_return false;
  }
  RpcWait read(client.queue(), call);
  call->rpc->Read(&call->reply, read.tag());
  co_return co_await read.done();
}

}  // namespace

base::Result<std::unique_ptr<EtcdStore>> EtcdStore::open(event::Loop& loop, const EtcdOptions& options) {
  auto client = EtcdClient::make(loop, options);
  if (!client) return std::unexpected(client.error());
  return std::unique_ptr<EtcdStore>(new EtcdStore(loop, std::move(*client)));
}

EtcdStore::EtcdStore(event::Loop&, std::shared_ptr<EtcdClient> client)
    : client_(std::move(client)), feed_(std::make_shared<EtcdFeed>(client_, watches_)) {}

EtcdStore::~EtcdStore() {
  client_->health().on_change({});
  feed_.reset();
  client_->close();
}

// Below: `this` is not used behind a co_await, the store may be gone by then.

async::Task<base::Result<Item>> EtcdStore::get(std::string key) {
  const auto client = client_;
  RangeRequest request;
  request.set_key(key);
  auto reply = co_await client->ask<RangeResponse>(begin_range(std::move(request)), Repeat::kAlways);
  if (!reply) co_return std::unexpected(reply.error());
  if (reply->kvs_size() == 0) {
    co_return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "no such key: " + key);
  }
  co_return take_item(*reply->mutable_kvs(0));
}

async::Task<base::Result<ListReply>> EtcdStore::list(std::string prefix) {
  const auto client = client_;
  const std::weak_ptr<EtcdFeed> weak_feed = feed_;
  Pages pages(prefix, client->options().page_items);
  for (bool more = true; more;) {
    auto page = co_await client->ask<RangeResponse>(begin_range(pages.next()), Repeat::kAlways);
    if (!page && is_too_large(page.error()) && pages.shrink()) continue;
    if (!page) co_return std::unexpected(page.error());
    more = pages.take(*page);
  }
  if (const auto feed = weak_feed.lock()) {
    if (prefix == feed->prefix()) feed->note_list(pages.reply, pages.cluster_id);
    feed->want_progress(pages.reply.revision);
  }
  co_return std::move(pages.reply);
}

async::Task<base::Result<TxnReply>> EtcdStore::txn(Txn txn) {
  const auto client = client_;
  auto reply = co_await client->ask<etcdserverpb::TxnResponse>(
      [request = txn_request(txn)](EtcdMember& member, grpc::ClientContext* context,
                                   grpc::CompletionQueue* queue) {
        return member.kv->AsyncTxn(context, request, queue);
      },
      Repeat::kOnlyIfNotSent);
  if (!reply) co_return std::unexpected(reply.error());
  co_return take_reply(*reply, txn);
}

TxnLimits EtcdStore::txn_limits() const {
  return etcd_txn_limits();
}

async::Task<base::Result<LeaseId>> EtcdStore::grant_lease(std::int64_t ttl_seconds) {
  const auto client = client_;
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(ttl_seconds);
  const auto reply = co_await client->ask<etcdserverpb::LeaseGrantResponse>(
      [request](EtcdMember& member, grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return member.lease->AsyncLeaseGrant(context, request, queue);
      },
      Repeat::kOnlyIfNotSent);
  if (!reply) co_return std::unexpected(reply.error());
  co_return reply->id();
}

async::Task<base::Result<std::int64_t>> EtcdStore::keep_lease_alive(LeaseId lease) {
  const auto client = client_;
  if (auto status = co_await client->ready(); !status) co_return std::unexpected(status.error());
  if (client->is_closed()) co_return std::unexpected(EtcdClient::closed_error());
  const std::size_t index = client->pick();
  auto call = std::make_shared<KeepAliveCall>(client->queue());
  call->request.set_id(lease);
  call->context.set_deadline(std::chrono::system_clock::now() +
                             std::chrono::milliseconds(client->attempt_timeout_ms()));
  const std::string token = client->sign(call->context);
  const bool answered = co_await keep_alive_once(*client, call, client->member(index));
  if (client->is_closed()) co_return std::unexpected(EtcdClient::closed_error());
  if (answered) {
    client->note_reply(index);
    if (call->reply.ttl() <= 0) co_return std::unexpected(no_such_lease(lease));
    co_return call->reply.ttl();
  }
  RpcWait finished(client->queue(), call);
  call->rpc->Finish(&call->status, finished.tag());
  co_await finished.done();
  if (client->is_closed()) co_return std::unexpected(EtcdClient::closed_error());
  client->note_failure(index, call->status, token);
  co_return std::unexpected(error_of(call->status, client->member(index).url));
}

std::unique_ptr<Watch> EtcdStore::watch(std::string prefix, Revision from_revision,
                                        WatchCallbacks callbacks) {
  CHECK(prefix.starts_with(feed_->prefix()));
  auto handle = watches_.add(std::move(prefix), from_revision, std::move(callbacks));
  feed_->poll();
  return handle;
}

StoreHealth EtcdStore::health() const {
  return client_->health().state();
}

void EtcdStore::on_health(std::function<void(const StoreHealth&)> callback) {
  client_->health().on_change(std::move(callback));
}

async::Task<base::Result<std::string>> EtcdStore::version_of(std::size_t endpoint, std::uint64_t timeout_ms) {
  const auto client = client_;
  const auto reply = co_await client->ask_member<etcdserverpb::StatusResponse>(
      endpoint,
      [](EtcdMember& member, grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return member.maintenance->AsyncStatus(context, etcdserverpb::StatusRequest(), queue);
      },
      timeout_ms);
  if (!reply) co_return std::unexpected(reply.error());
  co_return reply->version();
}

}  // namespace apisix::store
