#include "worker/admin/set_guard.h"

#include <algorithm>

#include <fmt/format.h>

#include "worker/admin/catch_up.h"
#include "worker/admin/find_item.h"
#include "worker/config/registry.h"

namespace apisix::admin {
namespace {

base::Status conflict(std::string what) {
  return base::fail(base::ErrorCode::kConflict, base::ErrorSource::kClient,
                    std::move(what) + "; nothing was stored");
}

std::string folder_of(resource::Kind kind) {
  return resource::store_key(kind, "");
}

// What counts as a change of the configuration: objects, and the list of plugins, which says what they mean.
// Heartbeats and counters below the same prefix change by themselves.
std::vector<std::string> all_folders() {
  std::vector<std::string> out = {"/plugins"};
  for (const resource::KindInfo& info : resource::all_kinds()) out.push_back(folder_of(info.kind));
  return out;
}

}  // namespace

async::Task<base::Status> SetGuard::begin(std::optional<store::Revision> expected) {
  is_exact_ = expected.has_value();
  if (expected) co_return co_await check_expected(*expected);
  const auto now = co_await context_.store.list(context_.prefix() + "/gen_id");
  if (!now) co_return std::unexpected(now.error());
  base_ = now->revision;
  co_return base::Status{};
}

async::Task<base::Status> SetGuard::check_expected(store::Revision expected) {
  // What was deleted before this worker read everything left no trace in its copy: the head, which each
  // change by the Admin API renews, detects it.
  const auto head = co_await find_item(context_.store, history_.head_key());
  if (!head) co_return std::unexpected(head.error());
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  const auto now = co_await context_.store.list(context_.prefix() + "/gen_id");
  if (!now) co_return std::unexpected(now.error());
  const store::Revision changed = std::max(head->mod_revision, context_.registry.changed_revision());
  if (changed > expected) {
    co_return conflict(fmt::format(
        "the configuration was changed at revision {}, after revision {} of If-Match", changed, expected));
  }
  if (now->revision < expected) {
    co_return conflict(fmt::format("the store is at revision {} and never had revision {} of If-Match",
                                   now->revision, expected));
  }
  // This worker's copy knows of every change up to here, the transaction of every one behind it.
  keep_unchanged(all_folders(), std::max(expected, context_.registry.applied_revision()));
  if (!context_.store.txn_limits().sees_deletes) {
    conditions_.compares.push_back(
        {store::Compare::Target::kModRevision, history_.head_key(), head->mod_revision});
  }
  co_return base::Status{};
}

void SetGuard::cover(const std::vector<SetChange>& changes) {
  if (is_exact_ || changes.size() <= context_.store.txn_limits().compares_max) return;
  std::vector<std::string> folders;
  for (const SetChange& change : changes) folders.push_back(folder_of(change.path.kind));
  keep_unchanged(folders, base_);
}

void SetGuard::add(store::Txn more) {
  std::ranges::move(more.compares, std::back_inserter(conditions_.compares));
  std::ranges::move(more.unchanged, std::back_inserter(conditions_.unchanged));
  std::ranges::move(more.writes, std::back_inserter(conditions_.writes));
}

void SetGuard::keep_unchanged(const std::vector<std::string>& folders, store::Revision since) {
  base_ = since;
  conditions_.unchanged.clear();
  for (const std::string& folder : folders) {
    const std::string prefix = context_.prefix() + folder;
    if (std::ranges::find(conditions_.unchanged, prefix, &store::Unchanged::prefix) ==
        conditions_.unchanged.end())
      conditions_.unchanged.push_back({prefix, since});
  }
}

async::Task<bool> SetGuard::renew(const std::vector<Change>& writes) {
  if (is_exact_ || conditions_.unchanged.empty()) co_return false;
  co_await catch_up(context_.loop, context_.store, context_.registry, context_.prefix());
  if (context_.registry.applied_revision() <= base_) co_return false;
  for (const Change& change : writes) {
    const auto revision = context_.registry.revision_of(change.key);
    if (!revision || *revision != change.before.mod_revision) co_return false;
  }
  base_ = context_.registry.applied_revision();
  for (store::Unchanged& each : conditions_.unchanged) each.since = base_;
  co_return true;
}

}  // namespace apisix::admin
