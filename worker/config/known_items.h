// KnownItems: which version of every item of the store was taken last, accepted or not, so that a list of the
// whole store costs only what differs. Owned by Registry.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/text.h"
#include "shared/store/store.h"

namespace apisix::config {

class KnownItems {
 public:
  void put(const store::Item& item) { items_[item.key] = Version::of(item); }
  void erase(std::string_view key);
  void reserve(std::size_t items) { items_.reserve(items); }
  // Every item counts as changed from now on but those whose key `keeps`.
  template <typename Keeps>
  void forget_versions(Keeps keeps) {
    for (auto& [key, version] : items_) {
      if (!keeps(key)) version = {};
    }
  }

  // Is this version of the item the one that was taken?
  bool has(const store::Item& item) const;
  // 0: there is no such item. Nothing: there is one, and its version was forgotten.
  std::optional<store::Revision> revision_of(std::string_view key) const;
  // Keys of what is known and not in the list.
  std::vector<std::string> missing_in(const store::ListReply& list) const;
  std::size_t size() const { return items_.size(); }

 private:
  // A store that was restored may hold another value under the same revision.
  struct Version {
    store::Revision mod_revision = 0;
    store::Revision create_revision = 0;
    std::size_t value_hash = 0;

    static Version of(const store::Item& item);
    bool operator==(const Version&) const = default;
  };

  std::unordered_map<std::string, Version, base::StringHash, std::equal_to<>> items_;  // by key
};

}  // namespace apisix::config
