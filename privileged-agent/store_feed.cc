#include "privileged-agent/store_feed.h"

#include <vector>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/base/retry_delay.h"

namespace apisix::agent {
namespace {

constexpr std::uint64_t kFeedRetryMs = 200;
constexpr std::uint64_t kFeedRetryMsMax = 5000;

}  // namespace

StoreFeed::StoreFeed(event::Loop& loop, store::Store& store, std::string prefix, Callbacks callbacks)
    : loop_(loop), store_(store), prefix_(std::move(prefix)), callbacks_(std::move(callbacks)), scope_(loop) {
  scope_.spawn(follow());
}

StoreFeed::~StoreFeed() {
  watch_.reset();
}

async::Task<void> StoreFeed::follow() {
  watch_.reset();
  base::RetryDelay delay(kFeedRetryMs, kFeedRetryMsMax);
  std::string trouble;
  for (;;) {
    const auto list = co_await store_.list(prefix_ + "/");
    if (list) {
      apply_list(*list);
      watch_ = store_.watch(prefix_ + "/", list->revision + 1,
                            {.on_batch = [this](const store::EventBatch& batch) { apply(batch); },
                             .on_lost = [this](const base::Error&) { scope_.spawn(follow()); },
                             .on_progress = [this](store::Revision revision) { note(revision); }});
      co_return;
    }
    if (list.error().what != trouble) {
      base::log_error("the agent cannot read the configuration: {}", list.error().what);
    }
    trouble = list.error().what;
    co_await async::Sleep(loop_, delay.next_ms());
  }
}

void StoreFeed::apply_list(const store::ListReply& list) {
  std::unordered_set<std::string_view> present;
  for (const store::Item& item : list.items) {
    present.insert(item.key);
    put(item);
  }
  std::vector<std::string> gone;
  for (const std::string& key : kept_) {
    if (!present.contains(key)) gone.push_back(key);
  }
  for (const std::string& key : gone) erase(key);
  if (callbacks_.on_whole) callbacks_.on_whole();
  note(list.revision);
}

void StoreFeed::apply(const store::EventBatch& batch) {
  for (const store::Event& event : batch.events) {
    if (event.type == store::Event::Type::kPut) {
      put(event.item);
    } else {
      erase(event.item.key);
    }
  }
  note(batch.revision);
}

void StoreFeed::note(store::Revision revision) {
  if (callbacks_.on_revision) callbacks_.on_revision(revision);
}

// "/apisix/routes/1" is of the kind "routes".
void StoreFeed::put(const store::Item& item) {
  const std::string_view path =
      std::string_view(item.key).substr(std::min(prefix_.size() + 1, item.key.size()));
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return;
  if (callbacks_.on_put(path.substr(0, slash), item)) {
    kept_.insert(item.key);
  } else {
    erase(item.key);
  }
}

void StoreFeed::erase(const std::string& key) {
  if (kept_.erase(key) > 0) callbacks_.on_gone(key);
}

}  // namespace apisix::agent
