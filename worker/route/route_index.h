// The router's tables. A "space" is what one host pattern sees: 0 = the routes without hosts; the kinds that
// check hosts as a condition have no other. Exact paths of all spaces share one hash table, prefixes have one
// tree per space. Edits are in route_index.cc, lookups in route_lookup.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/route/key_table.h"
#include "worker/route/path_pattern.h"
#include "worker/route/place_list.h"
#include "worker/route/radix_tree.h"
#include "worker/route/router.h"
#include "worker/route/slot_table.h"

namespace apisix::route {

class RouteIndex {
 public:
  explicit RouteIndex(RouterKind kind) : kind_(kind), spaces_(1), lists_(1) {}

  void put(RouteEntry entry);
  bool erase(std::string_view id);
  const RouteEntry* find(std::string_view id) const;
  std::size_t size() const { return ids_.size(); }
  RouterKind kind() const { return kind_; }
  std::size_t memory_bytes() const;

  // True when a route was found; then `out` is complete. With a trail every candidate is written down, none
  // is taken, and `out` is scratch.
  bool match(const MatchInput& input, MatchResult& out, Trail* trail) const;

 private:
  struct Space {
    RadixTree prefixes;        // -> number in lists_
    std::uint32_t places = 0;  // a space without any, but 0, is given back
  };
  // One lookup's arguments, handed down.
  struct Query {
    const MatchInput& input;
    MatchResult& out;
    Trail* trail;
    std::uint64_t uri_hash;
    // Of the host pattern that is looked at: how much of the host the wildcard's text takes.
    std::size_t host_suffix_size = kWholeHost;
  };
  static constexpr std::size_t kWholeHost = SIZE_MAX;  // no wildcard

  std::uint32_t number_of(std::string_view id) const;

  // Edits.
  std::uint32_t open_space(std::string_view pattern);
  std::uint32_t find_space(std::string_view pattern);
  void close_space(std::uint32_t number, std::string_view pattern);
  void add_places(const RouteEntry& entry);
  void remove_places(const RouteEntry& entry);
  void add_place(std::uint32_t space, const Place& place, const PathShape& shape);
  void remove_place(std::uint32_t space, const Place& place, const PathShape& shape);
  Place place_of(const RouteEntry& entry, std::uint32_t uri_index, const PathShape& shape) const;
  std::uint32_t take_list();

  // Lookups.
  bool match_hosts(Query& query) const;
  bool match_space(std::uint32_t number, const Query& query) const;
  bool try_places(const PlaceList& list, std::size_t prefix_size, std::uint32_t space,
                  const Query& query) const;
  Verdict check(const Place& place, std::size_t prefix_size, const Query& query) const;
  Verdict check_conditions(const Place& place, std::size_t prefix_size, const Query& query) const;
  static std::string_view host_pattern_of(const RouteEntry& entry, std::uint32_t space, const Query& query);
  bool check_path(const Place& place, std::size_t prefix_size, const Query& query) const;

  const RouterKind kind_;
  RadixForest forest_;                                   // the nodes of all trees
  SlotTable ids_;                                        // -> number in entries_
  std::vector<std::unique_ptr<RouteEntry>> entries_{1};  // [0] is unused
  std::vector<std::uint32_t> free_entries_;
  KeyTable<PlaceList> exact_paths_;
  KeyTable<std::uint32_t> exact_hosts_;  // -> space
  RadixTree wildcard_hosts_;             // what follows '*', reversed -> space
  std::vector<Space> spaces_;
  std::vector<std::uint32_t> free_spaces_;
  std::vector<PlaceList> lists_;  // of prefixes; [0] is unused, as a tree's value is never 0
  std::vector<std::uint32_t> free_lists_;
  // By uri_index; only of entries with such a uri.
  std::unordered_map<const RouteEntry*, std::vector<std::unique_ptr<const PathRegex>>> path_regexes_;
};

}  // namespace apisix::route
