#include "worker/first_load.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/async/scope.h"
#include "shared/base/log.h"
#include "shared/base/retry_delay.h"
#include "shared/store/etcd_snapshot.h"

namespace apisix::worker {
namespace {

constexpr std::uint64_t kFirstRetryMs = 100;
constexpr std::uint64_t kRetryMsMax = 2'000;
// An etcd that is reachable sends its first page by then, however many more follow.
constexpr std::uint64_t kPatienceMs = 400;
constexpr std::uint64_t kFirstLoadLookMs = 5;

struct Attempt {
  std::optional<base::Status> result;
};

async::Task<void> try_to_load(event::Loop& loop, config::Registry& registry, std::int64_t times,
                              Attempt& attempt) {
  base::RetryDelay delay(kFirstRetryMs, kRetryMsMax);
  for (std::int64_t number = 1;; ++number) {
    auto status = co_await registry.load();
    if (status) {
      attempt.result = base::Status{};
      co_return;
    }
    base::log_warn("request etcd endpoint error, {}, retry time={}", status.error().what, number);
    if (number >= times) {
      // What etcd itself refused (a password, a permission) is not an outage.
      const std::string_view trouble =
          status.error().retryable ? "all etcd nodes are unavailable" : "cannot read the configuration";
      attempt.result = base::fail(base::ErrorCode::kUnavailable, base::ErrorSource::kStore,
                                  fmt::format("{}: {}", trouble, status.error().what), true);
      co_return;
    }
    co_await async::Sleep(loop, delay.next_ms());
  }
}

bool start_from_snapshot(event::Loop& loop, config::Registry& registry, const settings::Settings& settings,
                         const std::string& path) {
  const auto snapshot = store::read_snapshot_for(path, settings.deployment.etcd);
  if (!snapshot) {
    if (snapshot.error().code != base::ErrorCode::kNotFound)
      base::log_error("the last known good configuration {} cannot be used: {}", path, snapshot.error().what);
    return false;
  }
  const std::uint64_t now_ms = loop.clock().wall_ms();
  const std::uint64_t age_ms = now_ms > snapshot->written_ms ? now_ms - snapshot->written_ms : 0;
  base::log_error(
      "degraded: etcd is away, serving the last known good configuration {} (revision {}, {} items, written "
      "{} s "
      "ago)",
      path, snapshot->list.revision, snapshot->list.items.size(), age_ms / 1000);
  registry.start_from(snapshot->list);
  return true;
}

}  // namespace

async::Task<base::Status> first_load(event::Loop& loop, const store::Store& store, config::Registry& registry,
                                     const settings::Settings& settings, std::string runtime_prefix) {
  if (store.provider() != "etcd") co_return co_await registry.load();
  Attempt attempt;
  std::optional<async::Scope> scope(std::in_place, loop);
  const std::int64_t times = std::max<std::int64_t>(settings.deployment.etcd.startup_retry, 1);
  scope->spawn(try_to_load(loop, registry, times, attempt));
  const std::uint64_t patience_ends_ms = loop.clock().monotonic_ms() + kPatienceMs;
  bool may_use_snapshot = true;
  while (!attempt.result) {
    const bool is_away = !store.health().connected && loop.clock().monotonic_ms() >= patience_ends_ms;
    if (is_away && std::exchange(may_use_snapshot, false)) {
      if (start_from_snapshot(loop, registry, settings, store::etcd_snapshot_path(runtime_prefix))) {
        scope.reset();
        co_return base::Status{};
      }
    }
    co_await async::Sleep(loop, kFirstLoadLookMs);
  }
  if (*attempt.result) co_return base::Status{};
  if (may_use_snapshot &&
      start_from_snapshot(loop, registry, settings, store::etcd_snapshot_path(runtime_prefix)))
    co_return base::Status{};
  co_return *attempt.result;
}

}  // namespace apisix::worker
