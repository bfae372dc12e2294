#include "worker/tls/name_index.h"

#include <algorithm>
#include <tuple>

#include "shared/base/check.h"

namespace apisix::tls {
namespace {

bool is_before(const NameOwner* a, const NameOwner* b) {
  return std::tie(a->created, a->id) < std::tie(b->created, b->id);
}

}  // namespace

void NameIndex::insert(std::string_view name, const NameOwner& owner) {
  const bool is_wildcard = name.starts_with('*');
  if (is_wildcard) name.remove_prefix(1);
  Owners& owners = (is_wildcard ? wildcards_ : exact_)[std::string(name)];
  if (is_wildcard && owners.empty() && name.size() <= kNameBytesMax) ++wildcard_lengths_[name.size()];
  owners.insert(std::ranges::lower_bound(owners, &owner, is_before), &owner);
}

void NameIndex::erase(std::string_view name, const NameOwner& owner) {
  const bool is_wildcard = name.starts_with('*');
  if (is_wildcard) name.remove_prefix(1);
  Names& names = is_wildcard ? wildcards_ : exact_;
  const auto found = names.find(name);
  CHECK(found != names.end());
  Owners& owners = found->second;
  const auto place = std::ranges::lower_bound(owners, &owner, is_before);
  CHECK(place != owners.end() && *place == &owner);
  owners.erase(place);
  if (!owners.empty()) return;
  names.erase(found);
  if (is_wildcard && name.size() <= kNameBytesMax) --wildcard_lengths_[name.size()];
}

NameIndex::Match NameIndex::find(std::string_view name) const {
  if (name.size() > kNameBytesMax) return {};
  if (const auto found = exact_.find(name); found != exact_.end()) return {.owner = found->second.front()};
  if (wildcards_.empty()) return {};
  for (std::size_t length = name.size() + 1; length-- > 0;) {
    if (wildcard_lengths_[length] == 0) continue;
    const std::string_view suffix = name.substr(name.size() - length);
    const auto found = wildcards_.find(suffix);
    if (found == wildcards_.end()) continue;
    const std::string_view covered = name.substr(0, name.size() - length);
    const bool is_too_deep = length > 0 && covered.contains('.');
    return {.owner = is_too_deep ? nullptr : found->second.front(),
            .is_too_deep = is_too_deep,
            .wildcard = "*" + found->first,
            .landed_on = found->second.front()};
  }
  return {};
}

}  // namespace apisix::tls
