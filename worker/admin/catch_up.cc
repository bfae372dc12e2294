#include "worker/admin/catch_up.h"

#include "shared/async/awaiters.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

constexpr std::uint64_t kPatienceMs = 1000;

}  // namespace

async::Task<void> catch_up(event::Loop& loop, store::Store& store, const config::Registry& registry,
                           std::string prefix) {
  // One key at most: what counts is the revision that comes with it.
  const auto now = co_await store.list(std::move(prefix) + "/gen_id");
  if (!now) co_return;
  co_await wait_until_applied(loop, registry, now->revision);
}

async::Task<void> wait_until_applied(event::Loop& loop, const config::Registry& registry,
                                     store::Revision revision) {
  const std::uint64_t until = loop.clock().monotonic_ms() + kPatienceMs;
  while (registry.applied_revision() < revision && loop.clock().monotonic_ms() < until) {
    co_await async::Sleep(loop, 1);
  }
}

}  // namespace apisix::admin
