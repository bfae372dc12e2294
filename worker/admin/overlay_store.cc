#include "worker/admin/overlay_store.h"

#include <algorithm>

#include "worker/admin/find_item.h"

namespace apisix::admin {
namespace {

std::unexpected<base::Error> no_such_key(const std::string& key) {
  return base::fail(base::ErrorCode::kNotFound, base::ErrorSource::kStore, "no such key: " + key);
}

}  // namespace

void OverlayStore::replace(std::string key, std::optional<std::string> value) {
  replaced_[std::move(key)] = std::move(value);
}

async::Task<base::Status> OverlayStore::prefetch(std::string prefix) {
  auto list = co_await store_.list(prefix);
  if (!list) co_return std::unexpected(list.error());
  for (store::Item& item : list->items) {
    std::string key = item.key;
    read_.try_emplace(std::move(key), std::move(item));
  }
  prefetched_.push_back(std::move(prefix));
  co_return base::Status{};
}

async::Task<base::Result<store::Item>> OverlayStore::stored(std::string key) {
  if (const auto known = read_.find(key); known != read_.end()) co_return known->second;
  const bool is_absent =
      std::ranges::any_of(prefetched_, [&key](const std::string& prefix) { return key.starts_with(prefix); });
  if (is_absent) co_return store::Item{};
  auto item = co_await find_item(store_, key);
  if (!item) co_return item;
  co_return read_[std::move(key)] = std::move(*item);
}

async::Task<base::Result<store::Item>> OverlayStore::get(std::string key) {
  if (const auto at = replaced_.find(key); at != replaced_.end()) {
    if (!at->second) co_return no_such_key(key);
    co_return store::Item{.key = key, .value = *at->second, .create_revision = 1, .mod_revision = 1};
  }
  auto item = co_await stored(key);
  if (item && item->mod_revision == 0) co_return no_such_key(key);
  co_return item;
}

async::Task<base::Result<store::ListReply>> OverlayStore::list(std::string prefix) {
  auto out = co_await store_.list(prefix);
  if (!out) co_return out;
  std::erase_if(out->items, [this](const store::Item& item) { return replaced_.contains(item.key); });
  for (auto at = replaced_.lower_bound(prefix); at != replaced_.end() && at->first.starts_with(prefix);
       ++at) {
    if (!at->second) continue;
    out->items.push_back({.key = at->first, .value = *at->second, .create_revision = 1, .mod_revision = 1});
  }
  std::ranges::sort(out->items, {}, &store::Item::key);
  co_return out;
}

}  // namespace apisix::admin
