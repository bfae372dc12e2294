#include "worker/plugins/limit/quota_sync.h"

#include <algorithm>
#include <utility>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/client/redis_clients.h"

namespace apisix::plugins {
namespace {

// A worker that died while asking redis delays the others for so long.
constexpr std::uint64_t kAskingMs = 5000;
constexpr std::uint64_t kPollMs = 5;

std::string quota_key(std::string_view key) {
  return "quota#" + std::string(key);
}
std::string delta_key(std::string_view key) {
  return "delta#" + std::string(key);
}
std::string asking_key(std::string_view key) {
  return "sync#" + std::string(key);
}

std::uint64_t to_ms(double seconds) {
  return static_cast<std::uint64_t>(std::clamp(seconds, 0.001, 1e12) * 1000);
}

}  // namespace

QuotaSync::QuotaSync(plugin::Deps& deps, memory::Dictionary& counters, RedisQuota redis, LocalQuota fallback,
                     std::uint64_t interval_ms)
    : deps_(deps),
      counters_(counters),
      redis_(std::move(redis)),
      fallback_(fallback),
      interval_ms_(interval_ms),
      asked_(deps.loop),
      scope_(deps.loop) {}

std::uint64_t QuotaSync::now_ms() const {
  return deps_.clock().monotonic_ms();
}

async::Task<QuotaResult> QuotaSync::take(std::string key, QuotaUse use) {
  const base::Ref<QuotaSync> keep(this);
  note(key, use);
  for (const std::uint64_t deadline_ms = now_ms() + kAskingMs; now_ms() < deadline_ms;) {
    if (const auto quota = counters_.get(quota_key(key), now_ms())) co_return grant(key, use, *quota);
    deps_.redis->spawn(ask(keep, key, use));
    // Another worker may be asking: its result is seen at the next poll.
    co_await asked_.wait(kPollMs);
  }
  co_return fallback_.take(key, use, deps_.clock());
}

QuotaResult QuotaSync::grant(const std::string& key, const QuotaUse& use,
                             const memory::Dictionary::Entry& quota) {
  const std::uint64_t lifetime_ms = 2 * to_ms(static_cast<double>(use.window_s));
  const auto [granted, is_granted] = counters_.incr_up_to(delta_key(key), use.cost, quota.value,
                                                          {.value = 0, .ttl_ms = lifetime_ms}, now_ms());
  return {is_granted, is_granted ? quota.value - granted.value : 0,
          static_cast<double>(quota.ttl_left_ms) / 1000};
}

// Adds what was granted here to redis' counter and remembers what is left.
async::Task<void> QuotaSync::ask(base::Ref<QuotaSync> self, std::string key, QuotaUse use) {
  if (!self->counters_.add(asking_key(key), 1, kAskingMs, self->now_ms())) co_return;
  const auto delta = self->counters_.get(delta_key(key), self->now_ms());
  use.cost = delta ? delta->value : 0;
  const auto result = co_await self->redis_.add(key, use, self->deps_.clock());
  if (!result) {
    base::log_error("sync to redis failed: {}, key: {}", result.error().what, key);
    base::log_warn("try use fallback limiter to do rate limiting");
  }
  self->remember(key, use, result ? *result : self->fallback_.take(key, use, self->deps_.clock()));
}

void QuotaSync::remember(const std::string& key, const QuotaUse& use, const QuotaResult& result) {
  const std::int64_t left = std::max<std::int64_t>(result.remaining, 0);
  // In this order a request in between finds too little, not too much.
  counters_.set(quota_key(key), left, to_ms(result.reset_s), now_ms());
  if (use.cost != 0) static_cast<void>(counters_.incr(delta_key(key), -use.cost, now_ms()));
  counters_.remove(asking_key(key), now_ms());
  asked_.notify();
}

void QuotaSync::note(const std::string& key, const QuotaUse& use) {
  if (touched_.size() < kKeysMax) touched_.insert_or_assign(key, use);
  if (std::exchange(is_syncing_, true)) return;
  scope_.spawn(sync_later());
}

// Runs as long as there are requests.
async::Task<void> QuotaSync::sync_later() {
  while (!touched_.empty()) {
    co_await async::Sleep(deps_.loop, interval_ms_);
    const auto keys = std::exchange(touched_, {});
    for (const auto& [key, use] : keys) deps_.redis->spawn(ask(base::Ref<QuotaSync>(this), key, use));
  }
  is_syncing_ = false;
}

}  // namespace apisix::plugins
