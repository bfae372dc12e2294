// The routes that share one stored path, in the order in which they are tried. One is the common case and is
// held without a list of its own; a PlaceList is 16 bytes.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/route/route_entry.h"

namespace apisix::route {

// What is left to check at a place once its path is found; bits of Place::conditions.
enum PlaceCondition : std::uint16_t {
  kChecksRemoteAddr = 1,
  kChecksHosts = 2,
  kChecksVars = 4,
  kChecksFilter = 8,
  kCapturesRest = 16,         // PathCheck::kRest: holds always
  kCapturesUnnamedRest = 32,  // the same, of "/*"; its name is known without looking at the entry
  kChecksSegments = 64,
  kChecksPathRegex = 128,
};

// One uri of one entry. Holds what most decisions need, so that a miss does not touch the entry.
struct Place {
  const RouteEntry* entry = nullptr;
  std::uint32_t uri_index = 0;
  MethodMask methods = 0;
  std::uint16_t conditions = 0;
};

// What decides between the routes of one stored path: higher priority, longer uri, lower sequence; the rest
// only makes the order total. The smaller one is tried first.
struct PlaceRank {
  std::int64_t priority_below = 0;  // its complement: also the least integer has one
  std::int64_t uri_below = 0;       // its length, negated
  std::uint64_t sequence = 0;
  std::string_view id;
  std::uint32_t uri_index = 0;

  static PlaceRank of(const RouteEntry& entry, std::uint32_t uri_index) {
    return {~entry.priority, -static_cast<std::int64_t>(entry.uris[uri_index].size()), entry.sequence,
            entry.id, uri_index};
  }
  auto operator<=>(const PlaceRank&) const = default;
};

class PlaceList {
 public:
  PlaceList() = default;
  PlaceList(PlaceList&& other) noexcept : single_(std::exchange(other.single_, {})) {}
  PlaceList& operator=(PlaceList&& other) noexcept {
    std::swap(single_, other.single_);
    return *this;
  }
  ~PlaceList() {
    if (is_many()) delete many();
  }

  std::span<const Place> places() const {
    if (is_many()) return *many();
    return {&single_, single_.entry == nullptr ? 0U : 1U};
  }
  bool empty() const { return single_.entry == nullptr; }

  void insert(const Place& place);
  // There must be such a place.
  void erase(const Place& place);
  std::size_t memory_bytes() const { return is_many() ? many()->capacity() * sizeof(Place) + 48 : 0; }

 private:
  static constexpr std::uint16_t kMany = 0x8000;

  bool is_many() const { return (single_.conditions & kMany) != 0; }
  std::vector<Place>* many() const { return std::bit_cast<std::vector<Place>*>(single_.entry); }

  Place single_;  // with kMany its `entry` is the address of the list instead
};

static_assert(sizeof(PlaceList) == 16);

}  // namespace apisix::route
