#include "worker/first_load.h"

#include <algorithm>

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/base/retry_delay.h"

namespace apisix::worker {
namespace {

constexpr std::uint64_t kFirstRetryMs = 100;
constexpr std::uint64_t kRetryMsMax = 2'000;

}  // namespace

async::Task<base::Status> first_load(event::Loop& loop, const store::Store& store, config::Registry& registry,
                                     const settings::Settings& settings) {
  const bool may_be_away = store.provider() == "etcd";
  const std::int64_t attempts =
      may_be_away ? std::max<std::int64_t>(settings.deployment.etcd.startup_retry, 1) : 1;
  base::RetryDelay delay(kFirstRetryMs, kRetryMsMax);
  for (std::int64_t attempt = 1;; ++attempt) {
    const auto status = co_await registry.load();
    if (status || !may_be_away) co_return status;
    base::log_warn("request etcd endpoint error, {}, retry time={}", status.error().what, attempt);
    if (attempt >= attempts) {
      co_return base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
                           fmt::format("all etcd nodes are unavailable: {}", status.error().what), true);
    }
    co_await async::Sleep(loop, delay.next_ms());
  }
}

}  // namespace apisix::worker
