#include "privileged-agent/store_feed.h"

#include <vector>

#include "shared/base/log.h"

namespace apisix::agent {
namespace {

constexpr std::uint64_t kFeedRetryMs = 200;
constexpr std::uint64_t kFeedRetryMsMax = 5000;

}  // namespace

StoreFeed::StoreFeed(event::Loop& loop, store::Store& store, std::string prefix, Callbacks callbacks)
    : prefix_(std::move(prefix)),
      callbacks_(std::move(callbacks)),
      follower_(loop, store, prefix_ + "/",
                {.on_list = [this](const store::ListReply& list) { apply_list(list); },
                 .on_batch = [this](const store::EventBatch& batch) { apply(batch); },
                 .on_progress = [this](store::Revision revision) { note(revision); },
                 .on_unreachable =
                     [](const base::Error& error) {
                       base::log_error("the agent cannot read the configuration: {}", error.what);
                     }},
                {.retry_ms = kFeedRetryMs, .retry_ms_max = kFeedRetryMsMax}) {
  follower_.start();
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
  if (kept_.erase(key) > 0) callbacks_.on_erased(key);
}

}  // namespace apisix::agent
