#include "shared/store/watch_list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "shared/base/check.h"

namespace apisix::store {
namespace {

constexpr Revision kFirstWrite = 2;

base::Error lost(std::string what) {
  return {base::ErrorCode::kClosed, base::ErrorSource::kStore, true, std::move(what)};
}

}  // namespace

class WatchList::Handle final : public Watch {
 public:
  explicit Handle(std::shared_ptr<Entry> entry) : entry_(std::move(entry)) {}
  ~Handle() override { entry_->active = false; }

 private:
  std::shared_ptr<Entry> entry_;
};

WatchList::~WatchList() {
  CHECK(!delivering_);
}

std::unique_ptr<Watch> WatchList::add(std::string prefix, Revision from_revision, WatchCallbacks callbacks) {
  const Revision from = std::max(from_revision, kFirstWrite);
  auto entry = std::make_shared<Entry>(std::move(prefix), from, std::move(callbacks));
  entries_.push_back(entry);
  return std::make_unique<Handle>(std::move(entry));
}

// What callbacks destroy is deleted after they have returned.
std::vector<std::shared_ptr<WatchList::Entry>> WatchList::snapshot() {
  std::erase_if(entries_, [](const auto& entry) { return !entry->active; });
  return entries_;
}

std::optional<Revision> WatchList::next_revision() const {
  std::optional<Revision> lowest;
  for (const auto& entry : entries_) {
    if (entry->active) lowest = std::min(lowest.value_or(entry->next), entry->next);
  }
  return lowest;
}

void WatchList::lose_outside(Revision floor, Revision revision) {
  delivering_ = true;
  for (const auto& entry : snapshot()) {
    if (!entry->active) continue;
    std::string what;
    if (entry->next <= floor) {
      what = fmt::format("revision {} is no longer in the log, which begins at {}", entry->next, floor + 1);
    } else if (entry->next > revision + 1) {
      what = fmt::format("the store is at revision {}, before {}: it is another one, or an older copy",
                         revision, entry->next - 1);
    }
    if (what.empty()) continue;
    entry->active = false;
    if (entry->callbacks.on_lost) entry->callbacks.on_lost(lost(std::move(what)));
  }
  delivering_ = false;
}

void WatchList::lose_all(const base::Error& error) {
  delivering_ = true;
  for (const auto& entry : snapshot()) {
    if (!std::exchange(entry->active, false)) continue;
    if (entry->callbacks.on_lost) entry->callbacks.on_lost(error);
  }
  delivering_ = false;
}

void WatchList::deliver(const EventBatch& batch) {
  delivering_ = true;
  for (const auto& entry : snapshot()) {
    if (!entry->active || entry->next > batch.revision) continue;
    if (feed_ == Feed::kEvery && entry->next != batch.revision) continue;
    entry->next = batch.revision + 1;
    EventBatch part;
    const auto concerns = [&entry](const Event& event) { return event.item.key.starts_with(entry->prefix); };
    if (std::ranges::all_of(batch.events, concerns)) {
      entry->callbacks.on_batch(batch);
      continue;
    }
    part.revision = batch.revision;
    std::ranges::copy_if(batch.events, std::back_inserter(part.events), concerns);
    if (!part.events.empty()) entry->callbacks.on_batch(part);
  }
  delivering_ = false;
}

void WatchList::note_progress(Revision revision) {
  delivering_ = true;
  for (const auto& entry : snapshot()) {
    if (entry->active && entry->next <= revision + 1 && entry->callbacks.on_progress)
      entry->callbacks.on_progress(revision);
  }
  delivering_ = false;
}

}  // namespace apisix::store
