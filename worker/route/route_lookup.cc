#include <algorithm>
#include <array>

#include "worker/route/host_match.h"
#include "worker/route/route_index.h"

namespace apisix::route {
namespace {

class NoVariables final : public VariableReader {
 public:
  std::optional<std::string_view> read(const VariableName&) override { return std::nullopt; }
};

VariableReader& variables_of(const MatchInput& input) {
  static NoVariables none;
  return input.variables != nullptr ? *input.variables : none;
}

}  // namespace

bool RouteIndex::match(const MatchInput& input, MatchResult& out, Trail* trail) const {
  out.entry = nullptr;
  out.parameter_count = 0;
  out.host_pattern = {};
  Query query{input, out, trail, exact_paths_.size() == 0 ? 0 : hash_of_key(input.uri)};
  if (spaces_.size() > 1 && match_hosts(query)) return true;
  return match_space(0, query);
}

// radixtree_host_uri: the exact host, then wildcards, longest first.
bool RouteIndex::match_hosts(Query& query) const {
  const std::string_view host = query.input.host;
  if (exact_hosts_.size() != 0) {
    const std::uint32_t* space = exact_hosts_.find(0, host, hash_of_key(host));
    if (space != nullptr && match_space(*space, query)) return true;
  }
  if (wildcard_hosts_.empty()) return false;
  std::array<char, kHostBytesMax> backwards;
  const std::size_t size = std::min(host.size(), backwards.size());
  std::reverse_copy(host.end() - static_cast<std::ptrdiff_t>(size), host.end(), backwards.begin());
  PrefixWalk walk(wildcard_hosts_, {backwards.data(), size});
  std::uint32_t space = 0;
  while (walk.next(space, query.host_suffix_size)) {
    if (match_space(space, query)) return true;
  }
  return false;
}

bool RouteIndex::match_space(std::uint32_t number, const Query& query) const {
  const Space& space = spaces_[number];
  const std::string_view uri = query.input.uri;
  if (exact_paths_.size() != 0) {
    const PlaceList* list = exact_paths_.find(number, uri, query.uri_hash);
    if (list != nullptr && try_places(*list, uri.size(), number, query)) return true;
  }
  if (space.prefixes.empty()) return false;
  PrefixWalk walk(space.prefixes, uri);
  std::uint32_t list = 0;
  std::size_t prefix_size = 0;
  while (walk.next(list, prefix_size)) {
    if (try_places(lists_[list], prefix_size, number, query)) return true;
  }
  return false;
}

bool RouteIndex::try_places(const PlaceList& list, std::size_t prefix_size, std::uint32_t space,
                            const Query& query) const {
  for (const Place& place : list.places()) {
    const Verdict verdict = check(place, prefix_size, query);
    if (query.trail != nullptr) {
      query.trail->add({place.entry, std::string(place.entry->uris[place.uri_index]),
                        std::string(host_pattern_of(*place.entry, space, query)), verdict});
      continue;
    }
    if (verdict != Verdict::kMatched) continue;
    query.out.entry = place.entry;
    query.out.uri_index = place.uri_index;
    if (space != 0) query.out.host_pattern = host_pattern_of(*place.entry, space, query);
    return true;
  }
  return false;
}

// The pattern under which radixtree_host_uri looks at the space.
std::string_view RouteIndex::host_pattern_of(const RouteEntry& entry, std::uint32_t space,
                                             const Query& query) {
  if (space == 0) return {};
  if (query.host_suffix_size == kWholeHost) return query.input.host;
  for (const std::string_view pattern : entry.hosts) {
    // All wildcards that end as the host does and are of one length are the same text.
    if (pattern.starts_with('*') && pattern.size() == query.host_suffix_size + 1 &&
        query.input.host.ends_with(pattern.substr(1))) {
      return pattern;
    }
  }
  return {};
}

Verdict RouteIndex::check(const Place& place, std::size_t prefix_size, const Query& query) const {
  if (place.methods != 0 && (place.methods & query.input.method) == 0) return Verdict::kMethod;
  if (place.conditions == 0) return Verdict::kMatched;
  return check_conditions(place, prefix_size, query);
}

Verdict RouteIndex::check_conditions(const Place& place, std::size_t prefix_size, const Query& query) const {
  const RouteEntry& entry = *place.entry;
  const MatchInput& input = query.input;
  std::string_view host_pattern;
  if ((place.conditions & kChecksRemoteAddr) != 0 && !address_in(entry.remote_addrs, input.remote)) {
    return Verdict::kRemoteAddr;
  }
  if ((place.conditions & kChecksHosts) != 0) {
    const auto found = find_matching_host(entry.hosts, input.host, input.authority);
    if (!found) return Verdict::kHost;
    host_pattern = found->starts_with('*') ? *found : input.host;
  }
  if ((place.conditions & kChecksVars) != 0 && !entry.vars->evaluate(variables_of(input))) {
    return Verdict::kVars;
  }
  if ((place.conditions & kChecksFilter) != 0 && !entry.filter(variables_of(input))) return Verdict::kFilter;
  if (!check_path(place, prefix_size, query)) return Verdict::kPath;
  query.out.host_pattern = host_pattern;
  return Verdict::kMatched;
}

// Captures into query.out only when the path satisfies the pattern.
bool RouteIndex::check_path(const Place& place, std::size_t prefix_size, const Query& query) const {
  const std::string_view path = query.input.uri;
  if ((place.conditions & kCapturesUnnamedRest) != 0) {
    query.out.parameters[0] = {kUnnamedRest, path.substr(prefix_size)};
    query.out.parameter_count = 1;
    return true;
  }
  if ((place.conditions & (kCapturesRest | kChecksSegments | kChecksPathRegex)) == 0) return true;
  const std::string_view uri = place.entry->uris[place.uri_index];
  if ((place.conditions & kCapturesRest) != 0) {
    query.out.parameters[0] = {rest_name(uri, prefix_size), path.substr(prefix_size)};
    query.out.parameter_count = 1;
    return true;
  }
  if ((place.conditions & kChecksSegments) != 0) return match_segments(uri, path, prefix_size, query.out);
  return path_regexes_.find(place.entry)
      ->second[place.uri_index]
      ->match(uri, path, query.out, variables_of(query.input).regex_budget());
}

}  // namespace apisix::route
