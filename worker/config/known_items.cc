#include "worker/config/known_items.h"

#include <algorithm>
#include <functional>

namespace apisix::config {

KnownItems::Version KnownItems::Version::of(const store::Item& item) {
  return {item.mod_revision, item.create_revision, std::hash<std::string>{}(item.value)};
}

void KnownItems::erase(std::string_view key) {
  if (const auto known = items_.find(key); known != items_.end()) items_.erase(known);
}

bool KnownItems::has(const store::Item& item) const {
  const auto known = items_.find(item.key);
  return known != items_.end() && known->second == Version::of(item);
}

std::optional<store::Revision> KnownItems::revision_of(std::string_view key) const {
  const auto known = items_.find(key);
  if (known == items_.end()) return 0;
  return known->second.mod_revision != 0 ? std::optional(known->second.mod_revision) : std::nullopt;
}

std::vector<std::string> KnownItems::missing_in(const store::ListReply& list) const {
  std::vector<std::string> out;
  for (const auto& [key, version] : items_) {
    const auto at = std::ranges::lower_bound(list.items, key, {}, &store::Item::key);
    if (at == list.items.end() || at->key != key) out.push_back(key);
  }
  return out;
}

}  // namespace apisix::config
