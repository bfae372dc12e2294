#include "worker/admin/history.h"

#include <algorithm>

#include "shared/async/awaiters.h"
#include "shared/async/time_slice.h"
#include "shared/base/log.h"

namespace apisix::admin {
namespace {

constexpr std::uint64_t kDayMs = 24ULL * 3600 * 1000;
constexpr std::uint64_t kTrimEveryMs = 3600ULL * 1000;
// Two records each, and etcd's default bound is 128 writes.
constexpr std::size_t kEntriesPerTrim = 60;

}  // namespace

History::History(event::Loop& loop, store::Store& store, const settings::Settings& settings)
    : loop_(loop),
      store_(store),
      bounds_(settings.deployment.admin.history),
      folder_(settings.deployment.etcd.prefix + "-history/") {}

std::uint64_t History::oldest_ms() const {
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  return now_ms - std::min(now_ms, static_cast<std::uint64_t>(bounds_.max_age_days) * kDayMs);
}

// Clocks of several nodes differ; the store's revisions do not.
std::vector<const store::Item*> History::kept_of(const store::ListReply& all) const {
  const std::uint64_t since_ms = oldest_ms();
  std::vector<const store::Item*> out;
  for (const store::Item& item : all.items) {
    const auto id = std::string_view(item.key).substr(index_key("").size());
    if (written_ms(id) >= since_ms) out.push_back(&item);
  }
  std::ranges::sort(out, std::greater(), &store::Item::create_revision);
  out.resize(std::min(out.size(), static_cast<std::size_t>(bounds_.max_entries)));
  std::size_t bytes = 0;
  const auto full = std::ranges::find_if(
      out, [&bytes](const store::Item* item) { return (bytes += item->value.size()) > kIndexBytesMax; });
  out.erase(full, out.end());
  return out;
}

async::Task<base::Result<History::Listed>> History::list() {
  const auto found = co_await store_.list(index_key(""));
  if (!found) co_return std::unexpected(found.error());
  Listed out{{}, found->revision};
  async::TimeSlice slice(loop_);
  for (const store::Item* item : kept_of(*found)) {
    if (slice.is_over()) co_await slice.pause();
    auto entry = decode_history_index(std::string_view(item->key).substr(index_key("").size()), *item);
    if (entry) out.entries.push_back(std::move(*entry));
  }
  co_return out;
}

async::Task<base::Status> History::load_values(HistoryEntry& entry) {
  if (!entry.has_values) co_return base::Status{};
  const auto item = co_await store_.get(values_key(entry.id));
  if (!item) co_return std::unexpected(item.error());
  co_return add_history_values(item->value, entry);
}

async::Task<base::Status> History::delete_old() {
  const auto all = co_await store_.list(index_key(""));
  if (!all) co_return std::unexpected(all.error());
  // Of none, one that is yet to come.
  const auto kept = kept_of(*all);
  const store::Revision oldest = kept.empty() ? all->revision + 1 : kept.back()->create_revision;
  store::Txn txn;
  for (const store::Item& item : all->items) {
    if (item.create_revision >= oldest) continue;
    const std::string id = item.key.substr(index_key("").size());
    txn.writes.emplace_back(store::Delete{index_key(id)});
    txn.writes.emplace_back(store::Delete{values_key(id)});
    if (txn.writes.size() < 2 * kEntriesPerTrim) continue;
    if (const auto done = co_await store_.txn(std::exchange(txn, {})); !done)
      co_return std::unexpected(done.error());
  }
  if (txn.writes.empty()) co_return base::Status{};
  const auto done = co_await store_.txn(std::move(txn));
  co_return done ? base::Status{} : std::unexpected(done.error());
}

async::Task<void> History::trim() {
  if (const auto status = co_await delete_old(); !status)
    base::log_warn("cannot shorten the history of changes: {}", status.error().what);
}

async::Task<void> History::keep_trimmed() {
  for (;;) {
    co_await trim();
    co_await async::Sleep(loop_, kTrimEveryMs);
  }
}

}  // namespace apisix::admin
