// Shadows: which routes can never be taken, because others come first and take all of their requests. Exact
// in what it reports: a route that is reported gets no request. It may miss some: only routes of one stored
// path are compared (a longer path and an exact one always come first, so no other can cover a route),
// conditions are equal or not, and of a path only the first kWildcardsMax wildcard hosts are looked at.
//
// Fed with the entries of the router that serves, in any order; then step() by step() in the router's own
// order. O(n log n) in routes, whatever they share. Keeps copies: the router may change meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/format/json.h"
#include "worker/diagnose/findings.h"
#include "worker/route/path_pattern.h"
#include "worker/route/place_list.h"
#include "worker/route/route_entry.h"
#include "worker/route/router.h"

namespace apisix::diagnose {

// What else a route asks of a request, as one text: its vars and client addresses; "" = nothing.
std::string conditions_of(const format::Json& route);

// Every place of a route (anything with `uris` and `hosts`): one of its uris, taken apart, under one host
// pattern that the router stores it by, "" = without.
template <typename Route, typename Visit>
void for_each_place(route::RouterKind kind, const Route& route, const Visit& visit) {
  static const route::TextList kNoHost = {""};
  const bool by_host = kind == route::RouterKind::kHostUri && !route.hosts.empty();
  for (const std::string_view host : by_host ? route.hosts : kNoHost) {
    for (std::uint32_t i = 0; i < route.uris.size(); ++i) {
      visit(host, route::path_shape(route.uris[i], kind == route::RouterKind::kUriWithParameter), i);
    }
  }
}

class Shadows {
 public:
  static constexpr std::size_t kWildcardsMax = 64;

  explicit Shadows(route::RouterKind kind) : kind_(kind) {}

  // `conditions`: conditions_of() the route.
  void add(const route::RouteEntry& entry, std::string conditions);

  // One place of one route; false when there is none left.
  bool step();

  struct Shadow {
    std::string id;
    std::string by;         // a route that comes first; there may be more of them
    std::string uri;        // of the first place that is covered
    bool is_whole = false;  // no place is left; else some are
    bool is_equal = false;  // `by` has the same uris, hosts, methods and conditions

    Finding finding() const;
  };
  // After the last step(), in no order.
  std::vector<Shadow> take() const;
  // Frees some of what it holds; false when there is nothing left. After take(): to free it all takes a
  // while.
  bool forget_some();

 private:
  struct Route {
    std::string id;
    route::TextList uris;
    route::TextList hosts;
    std::string conditions;
    route::MethodMask methods = 0;
    std::int64_t priority = 0;
    std::uint64_t sequence = 0;
    std::uint32_t places = 0;
    std::uint32_t covered = 0;
    const Route* by = nullptr;
    std::uint32_t covered_uri = 0;
  };
  // One uri of one route under one host pattern of the router, "" = without.
  struct Place {
    std::string_view host;
    std::string_view prefix;
    bool exact = false;
    route::PathCheck check = route::PathCheck::kNone;
    route::PlaceRank rank;
    Route* route = nullptr;

    bool is_beside(const Place& other) const {
      return host == other.host && exact == other.exact && prefix == other.prefix;
    }
  };
  struct Later {
    bool operator()(const Place& a, const Place& b) const;
  };
  // What the routes so far take, of one host, form of the path, and conditions.
  struct Cover {
    route::MethodMask methods = 0;
    bool all_methods = false;
    const Route* by = nullptr;
  };

  void check_place(const Place& place);
  const Route* find_cover(const Place& place, std::string_view host) const;
  std::string form_of(const Place& place) const;

  const route::RouterKind kind_;
  std::deque<Route> routes_;
  std::priority_queue<Place, std::vector<Place>, Later> places_;
  // Of the stored path that is looked at.
  Place at_;
  std::unordered_map<std::string, Cover> covers_;
  std::vector<std::string_view> wildcards_;
};

}  // namespace apisix::diagnose
