#include "shared/client/redis_clients.h"

#include <utility>

#include "shared/base/log.h"
#include "shared/client/redis_cluster.h"
#include "shared/client/redis_sentinel.h"

namespace apisix::client {

RedisClients::RedisClients(event::Loop& loop, resolve::Resolver* resolver, std::string ca_file,
                           net::TlsClientContexts& tls)
    : deps_{loop, resolver, std::move(ca_file), tls},
      sweep_timer_(
          loop.timers(), [](void* self) { static_cast<RedisClients*>(self)->sweep(); }, this),
      scope_(loop) {}

template <typename Service, typename Target>
base::Ref<RedisService> RedisClients::find_or_make(ByTarget<Target>& known, const Target& target) {
  Kept& kept = known[target];
  if (!kept.service) kept.service = base::Ref<RedisService>(new Service(deps_, target));
  kept.used_ms = deps_.loop.clock().monotonic_ms();
  if (!sweep_timer_.is_set()) sweep_timer_.set_after_ms(kUnusedMs);
  return kept.service;
}

base::Ref<RedisService> RedisClients::single(const RedisTarget& target) {
  return find_or_make<RedisSingle>(singles_, target);
}

base::Ref<RedisService> RedisClients::cluster(const RedisClusterTarget& target) {
  return find_or_make<RedisCluster>(clusters_, target);
}

base::Ref<RedisService> RedisClients::sentinel(const RedisSentinelTarget& target) {
  return find_or_make<RedisSentinel>(sentinels_, target);
}

template <typename Target>
void RedisClients::drop_unused(ByTarget<Target>& known) {
  const std::uint64_t now_ms = deps_.loop.clock().monotonic_ms();
  for (auto it = known.begin(); it != known.end();) {
    Kept& kept = it->second;
    if (kept.service->references() > 1) kept.used_ms = now_ms;
    it = kept.used_ms + kUnusedMs <= now_ms ? known.erase(it) : std::next(it);
  }
}

void RedisClients::sweep() {
  drop_unused(singles_);
  drop_unused(clusters_);
  drop_unused(sentinels_);
  if (!singles_.empty() || !clusters_.empty() || !sentinels_.empty()) sweep_timer_.set_after_ms(kUnusedMs);
}

void RedisClients::post(base::Ref<RedisService> service, RedisCommand command) {
  scope_.spawn(call(std::move(service), std::move(command)));
}

async::Task<void> RedisClients::call(base::Ref<RedisService> service, RedisCommand command) {
  auto reply = co_await service->call(std::move(command));
  if (!reply) base::log_warn("a redis command failed: {}", reply.error().what);
}

}  // namespace apisix::client
