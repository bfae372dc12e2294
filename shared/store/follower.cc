#include "shared/store/follower.h"

#include <utility>

#include "shared/async/awaiters.h"
#include "shared/base/retry_delay.h"

namespace apisix::store {

Follower::Follower(event::Loop& loop, Store& store, std::string prefix, Callbacks callbacks, Delays delays)
    : loop_(loop),
      store_(store),
      prefix_(std::move(prefix)),
      callbacks_(std::move(callbacks)),
      delays_(delays),
      asked_(loop),
      scope_(loop) {}

Follower::~Follower() {
  watch_.reset();
}

async::Task<base::Status> Follower::start_once() {
  auto list = co_await store_.list(prefix_);
  if (!list) co_return std::unexpected(list.error());
  const Revision revision = list->revision;
  callbacks_.on_list(std::move(*list));
  watch(revision + 1);
  co_return base::Status{};
}

void Follower::list_again() {
  watch_.reset();
  is_outdated_ = true;
  asked_.notify();
  if (!is_listing_) scope_.spawn(follow());
}

async::Task<void> Follower::follow() {
  is_listing_ = true;
  if (delays_.before_list_ms > 0) co_await async::Sleep(loop_, delays_.before_list_ms);
  base::RetryDelay delay(delays_.retry_ms, delays_.retry_ms_max);
  std::string trouble;
  while (is_outdated_) {
    is_outdated_ = false;
    const auto status = co_await start_once();
    if (status) continue;
    is_outdated_ = true;
    if (status.error().what != trouble && callbacks_.on_unreachable)
      callbacks_.on_unreachable(status.error());
    trouble = status.error().what;
    co_await asked_.wait(delay.next_ms());  // who asks again does not wait for the rest of the pause
  }
  is_listing_ = false;
}

void Follower::watch(Revision from) {
  if (is_outdated_ && is_listing_) return;  // follow() lists once more first
  watch_ = store_.watch(prefix_, from,
                        {.on_batch = callbacks_.on_batch,
                         .on_lost =
                             [this](const base::Error& error) {
                               if (callbacks_.on_lost) callbacks_.on_lost(error);
                               list_again();
                             },
                         .on_progress = callbacks_.on_progress});
}

}  // namespace apisix::store
