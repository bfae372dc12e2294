#include "worker/route/place_list.h"

#include <algorithm>

#include "shared/base/check.h"

namespace apisix::route {
namespace {

bool is_before(const Place& a, const Place& b) {
  return PlaceRank::of(*a.entry, a.uri_index) < PlaceRank::of(*b.entry, b.uri_index);
}

}  // namespace

void PlaceList::insert(const Place& place) {
  if (empty()) {
    single_ = place;
    return;
  }
  if (!is_many()) {
    auto* list = new std::vector<Place>{single_};
    single_ = {};
    single_.entry = std::bit_cast<const RouteEntry*>(list);
    single_.conditions = kMany;
  }
  std::vector<Place>& list = *many();
  list.insert(std::ranges::lower_bound(list, place, is_before), place);
}

void PlaceList::erase(const Place& place) {
  if (!is_many()) {
    CHECK(single_.entry == place.entry && single_.uri_index == place.uri_index);
    single_ = {};
    return;
  }
  std::vector<Place>& list = *many();
  const auto it = std::ranges::lower_bound(list, place, is_before);
  CHECK(it != list.end() && it->entry == place.entry && it->uri_index == place.uri_index);
  list.erase(it);
  if (list.size() > 1) return;
  const Place last = list.front();
  delete &list;
  single_ = last;
}

}  // namespace apisix::route
