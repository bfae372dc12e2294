#include "worker/route/route_index.h"

#include <algorithm>

#include "shared/base/check.h"

namespace apisix::route {
namespace {

std::uint32_t hash_of_id(std::string_view id) {
  return mixed_with_space(hash_of_key(id), 0);
}

std::string reversed(std::string_view text) {
  return {text.rbegin(), text.rend()};
}

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() > 15 ? text.capacity() + 17 : 0;
}

// As malloc rounds it.
std::size_t heap_bytes(const TextList& texts) {
  return texts.empty() ? 0 : (texts.memory_bytes() + 8 + 15) / 16 * 16;
}

}  // namespace

void RouteIndex::put(RouteEntry entry) {
  erase(entry.id);
  auto owned = std::make_unique<RouteEntry>(std::move(entry));
  add_places(*owned);
  if (free_entries_.empty()) {
    free_entries_.push_back(static_cast<std::uint32_t>(entries_.size()));
    entries_.emplace_back();
  }
  const std::uint32_t number = free_entries_.back();
  free_entries_.pop_back();
  ids_.insert(hash_of_id(owned->id), number);
  entries_[number] = std::move(owned);
}

bool RouteIndex::erase(std::string_view id) {
  const std::uint32_t number = number_of(id);
  if (number == 0) return false;
  remove_places(*entries_[number]);
  path_regexes_.erase(entries_[number].get());
  ids_.erase(hash_of_id(id), number);
  entries_[number].reset();
  free_entries_.push_back(number);
  return true;
}

const RouteEntry* RouteIndex::find(std::string_view id) const {
  return entries_[number_of(id)].get();
}

// 0 when there is none; entries_[0] is nullptr.
std::uint32_t RouteIndex::number_of(std::string_view id) const {
  return ids_.find(hash_of_id(id), [&](std::uint32_t number) { return entries_[number]->id == id; });
}

Place RouteIndex::place_of(const RouteEntry& entry, std::uint32_t uri_index, const PathShape& shape) const {
  Place place{&entry, uri_index, entry.methods, 0};
  if (!entry.remote_addrs.empty()) place.conditions |= kChecksRemoteAddr;
  if (!entry.hosts.empty() && kind_ != RouterKind::kHostUri) place.conditions |= kChecksHosts;
  if (entry.vars) place.conditions |= kChecksVars;
  if (entry.filter) place.conditions |= kChecksFilter;
  if (shape.check == PathCheck::kRest) {
    const bool unnamed = rest_name(entry.uris[uri_index], shape.prefix.size()) == kUnnamedRest;
    place.conditions |= unnamed ? kCapturesUnnamedRest : kCapturesRest;
  }
  if (shape.check == PathCheck::kSegments) place.conditions |= kChecksSegments;
  if (shape.check == PathCheck::kRegex) place.conditions |= kChecksPathRegex;
  return place;
}

void RouteIndex::add_places(const RouteEntry& entry) {
  const bool by_host = kind_ == RouterKind::kHostUri && !entry.hosts.empty();
  std::vector<std::uint32_t> spaces;
  if (!by_host) spaces.push_back(0);
  for (std::size_t i = 0; by_host && i < entry.hosts.size(); ++i) {
    spaces.push_back(open_space(entry.hosts[i]));
  }
  for (std::uint32_t i = 0; i < entry.uris.size(); ++i) {
    const PathShape shape = path_shape(entry.uris[i], kind_ == RouterKind::kUriWithParameter);
    if (shape.check == PathCheck::kRegex) {
      auto& regexes = path_regexes_[&entry];
      regexes.resize(entry.uris.size());
      regexes[i] = std::make_unique<const PathRegex>(entry.uris[i], shape.prefix.size());
    }
    const Place place = place_of(entry, i, shape);
    for (const std::uint32_t space : spaces) add_place(space, place, shape);
  }
}

void RouteIndex::remove_places(const RouteEntry& entry) {
  const bool by_host = kind_ == RouterKind::kHostUri && !entry.hosts.empty();
  std::vector<std::uint32_t> spaces;
  if (!by_host) spaces.push_back(0);
  for (std::size_t i = 0; by_host && i < entry.hosts.size(); ++i) {
    spaces.push_back(find_space(entry.hosts[i]));
  }
  for (std::uint32_t i = 0; i < entry.uris.size(); ++i) {
    const PathShape shape = path_shape(entry.uris[i], kind_ == RouterKind::kUriWithParameter);
    const Place place = place_of(entry, i, shape);
    for (const std::uint32_t space : spaces) remove_place(space, place, shape);
  }
  for (std::size_t i = 0; by_host && i < spaces.size(); ++i) {
    if (spaces_[spaces[i]].places == 0) close_space(spaces[i], entry.hosts[i]);
  }
}

void RouteIndex::add_place(std::uint32_t space, const Place& place, const PathShape& shape) {
  ++spaces_[space].places;
  if (shape.exact) {
    exact_paths_.insert(space, shape.prefix).insert(place);
    return;
  }
  std::uint32_t& list = forest_.insert(spaces_[space].prefixes, shape.prefix);
  if (list == RadixTree::kNoValue) list = take_list();
  lists_[list].insert(place);
}

void RouteIndex::remove_place(std::uint32_t space, const Place& place, const PathShape& shape) {
  --spaces_[space].places;
  if (shape.exact) {
    PlaceList* list = exact_paths_.find(space, shape.prefix);
    CHECK(list != nullptr);
    list->erase(place);
    if (list->empty()) exact_paths_.erase(space, shape.prefix);
    return;
  }
  const std::uint32_t list = spaces_[space].prefixes.find(shape.prefix);
  CHECK(list != RadixTree::kNoValue);
  lists_[list].erase(place);
  if (!lists_[list].empty()) return;
  forest_.erase(spaces_[space].prefixes, shape.prefix);
  free_lists_.push_back(list);
}

std::uint32_t RouteIndex::take_list() {
  if (free_lists_.empty()) {
    lists_.emplace_back();
    return static_cast<std::uint32_t>(lists_.size() - 1);
  }
  const std::uint32_t list = free_lists_.back();
  free_lists_.pop_back();
  return list;
}

std::uint32_t RouteIndex::open_space(std::string_view pattern) {
  std::uint32_t& number = pattern.starts_with('*')
                              ? forest_.insert(wildcard_hosts_, reversed(pattern.substr(1)))
                              : exact_hosts_.insert(0, pattern);
  if (number != 0) return number;
  if (free_spaces_.empty()) {
    number = static_cast<std::uint32_t>(spaces_.size());
    spaces_.emplace_back();
  } else {
    number = free_spaces_.back();
    free_spaces_.pop_back();
  }
  return number;
}

std::uint32_t RouteIndex::find_space(std::string_view pattern) {
  if (pattern.starts_with('*')) return wildcard_hosts_.find(reversed(pattern.substr(1)));
  const std::uint32_t* number = exact_hosts_.find(0, pattern);
  CHECK(number != nullptr);
  return *number;
}

void RouteIndex::close_space(std::uint32_t number, std::string_view pattern) {
  if (pattern.starts_with('*')) {
    forest_.erase(wildcard_hosts_, reversed(pattern.substr(1)));
  } else {
    exact_hosts_.erase(0, pattern);
  }
  spaces_[number] = Space();
  free_spaces_.push_back(number);
}

std::size_t RouteIndex::memory_bytes() const {
  std::size_t total = exact_paths_.memory_bytes() + exact_hosts_.memory_bytes() + forest_.memory_bytes() +
                      lists_.capacity() * sizeof(PlaceList) + spaces_.capacity() * sizeof(Space) +
                      ids_.memory_bytes() + entries_.capacity() * sizeof(void*);
  for (const PlaceList& list : lists_) total += list.memory_bytes();
  for (const auto& entry : entries_) {
    if (entry == nullptr) continue;
    total += sizeof(RouteEntry) + 16 + heap_bytes(entry->id) + heap_bytes(entry->uris) +
             heap_bytes(entry->hosts) + entry->remote_addrs.capacity() * sizeof(base::Cidr);
  }
  return total;
}

}  // namespace apisix::route
