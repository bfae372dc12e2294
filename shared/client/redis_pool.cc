#include "shared/client/redis_pool.h"

#include <algorithm>
#include <utility>

namespace apisix::client {
namespace {

base::Error too_many() {
  return {base::ErrorCode::kTooLarge, base::ErrorSource::kGateway, false, "too many redis commands wait"};
}

}  // namespace

RedisPool::RedisPool(RedisDeps& deps, RedisTarget target)
    : deps_(deps),
      target_(std::move(target)),
      idle_timer_(
          deps.loop.timers(), [](void* self) { static_cast<RedisPool*>(self)->close_idle(); }, this) {}

RedisPool::~RedisPool() = default;

async::Task<base::Result<RedisReply>> RedisPool::call(RedisCommand command, std::uint64_t timeout_ms,
                                                      bool asking) {
  const base::Ref<RedisPool> keep(this);
  RedisConnection* connection = pick();
  if (connection == nullptr) co_return std::unexpected(too_many());
  RedisCall call(deps_.loop, timeout_ms);
  connection->submit(command, call, asking);
  co_return co_await call;
}

// The one with the fewest replies due.
RedisConnection* RedisPool::pick() {
  RedisConnection* best = nullptr;
  std::size_t accepting = 0;
  for (const auto& connection : connections_) {
    if (!connection->accepts()) continue;
    ++accepting;
    if (best == nullptr || connection->waiting() < best->waiting()) best = connection.get();
  }
  const bool is_busy = best == nullptr || best->waiting() >= kPipelineDepth;
  if (!is_busy || accepting >= std::min<std::size_t>(kConnectionsMax, target_.connections_max)) return best;
  if (connections_.size() >= kConnectionsMax * 2) return best;
  RedisConnection& added = *connections_.emplace_back(std::make_unique<RedisConnection>(*this));
  added.start();
  if (!idle_timer_.is_set()) idle_timer_.set_after_ms(target_.idle_timeout_ms);
  return &added;
}

void RedisPool::close_idle() {
  const std::uint64_t now_ms = deps_.loop.clock().monotonic_ms();
  for (auto it = connections_.begin(); it != connections_.end();) {
    RedisConnection& connection = **it++;  // closing takes it out of the list
    if (!connection.is_idle_since(now_ms, target_.idle_timeout_ms)) continue;
    connection.close({base::ErrorCode::kClosed, base::ErrorSource::kGateway, true, "idle"});
  }
  if (!connections_.empty()) idle_timer_.set_after_ms(target_.idle_timeout_ms);
}

void RedisPool::on_closed(RedisConnection& connection) {
  const auto it = std::ranges::find(connections_, &connection, [](const auto& owned) { return owned.get(); });
  closed_.splice(closed_.end(), connections_, it);
  deps_.loop.ready().push(
      deferred_delete_, [](void* self) { static_cast<RedisPool*>(self)->closed_.clear(); }, this);
}

base::Result<std::unique_ptr<net::TlsSession>> RedisPool::start_tls(int fd) {
  const auto context = deps_.tls.get({.verify = target_.tls_verify, .ca_file = deps_.ca_file});
  if (!context) return std::unexpected(context.error());
  return (*context)->start_session(fd, {.server_name = target_.host});
}

}  // namespace apisix::client
