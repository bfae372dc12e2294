#include "worker/diagnose/shadows.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "worker/route/host_match.h"

namespace apisix::diagnose {
namespace {

using route::PathCheck;

// Matches every path that has the stored prefix.
constexpr std::string_view kAnyPath = "*";

std::string key_of(std::string_view host, std::string_view form, std::string_view conditions) {
  std::string key;
  key.reserve(host.size() + form.size() + conditions.size() + 2);
  key += host;
  key += '\0';
  key += form;
  key += '\0';
  key += conditions;
  return key;
}

// Names of parameters do not matter: "/a/:id" and "/a/:name" take the same paths.
std::string without_names(std::string_view uri) {
  std::string out;
  for (std::size_t i = 0; i < uri.size(); ++i) {
    out += uri[i];
    if (uri[i] != ':' || (i > 0 && uri[i - 1] != '/')) continue;
    while (i + 1 < uri.size() && uri[i + 1] != '/') ++i;
  }
  return out;
}

bool same_texts(const route::TextList& a, const route::TextList& b) {
  return a.size() == b.size() &&
         std::ranges::all_of(a, [&b](std::string_view text) { return b.contains(text); });
}

}  // namespace

std::string conditions_of(const format::Json& route) {
  std::string out;
  for (const char* member : {"vars", "remote_addr", "remote_addrs", "filter_func"}) {
    const format::Json& value = format::find_member(route, member);
    const bool is_nothing = value.isNull() || ((value.isArray() || value.isObject()) && value.empty());
    if (!is_nothing) out += member + format::to_json(value);
  }
  return out;
}

bool Shadows::Later::operator()(const Place& a, const Place& b) const {
  return std::tie(a.host, a.prefix, a.exact, a.rank) > std::tie(b.host, b.prefix, b.exact, b.rank);
}

void Shadows::add(const route::RouteEntry& entry, std::string conditions) {
  Route& route = routes_.emplace_back();
  route.id = entry.id;
  route.uris = entry.uris;
  route.hosts = entry.hosts;
  route.conditions = std::move(conditions);
  route.methods = entry.methods;
  route.priority = entry.priority;
  route.sequence = entry.sequence;
  for_each_place(
      kind_, route, [&](std::string_view host, const route::PathShape& shape, std::uint32_t uri_index) {
        const auto uri_bytes = static_cast<std::int64_t>(route.uris[uri_index].size());
        const route::PlaceRank rank{-route.priority, -uri_bytes, route.sequence, route.id, uri_index};
        places_.push({host, shape.prefix, shape.exact, shape.check, rank, &route});
        ++route.places;
      });
}

bool Shadows::step() {
  if (places_.empty()) return false;
  const Place place = places_.top();
  places_.pop();
  if (at_.route == nullptr || !at_.is_beside(place)) {
    covers_.clear();
    wildcards_.clear();
    at_ = place;
  }
  check_place(place);
  return true;
}

std::string Shadows::form_of(const Place& place) const {
  const std::string_view uri = place.route->uris[place.rank.uri_index];
  switch (place.check) {
    case PathCheck::kNone:
    case PathCheck::kRest:
      return std::string(kAnyPath);
    case PathCheck::kSegments:
      return without_names(uri);
    case PathCheck::kRegex:
      break;
  }
  return std::string(uri);
}

// Hosts are a condition here unless the router stores routes by them.
void Shadows::check_place(const Place& place) {
  static const route::TextList kAnyHost = {""};
  Route& route = *place.route;
  const bool by_condition = kind_ != route::RouterKind::kHostUri && !route.hosts.empty();
  const route::TextList& hosts = by_condition ? route.hosts : kAnyHost;
  const Route* by = nullptr;
  bool is_covered = true;
  for (const std::string_view host : hosts) {
    const Route* found = find_cover(place, host);
    is_covered &= found != nullptr;
    if (by == nullptr) by = found;
  }
  if (is_covered && by != &route) {  // a route may list one uri twice
    if (route.covered++ == 0) {
      route.by = by;
      route.covered_uri = place.rank.uri_index;
    }
  }
  const std::string form = form_of(place);
  for (const std::string_view host : hosts) {
    Cover& cover = covers_[key_of(host, form, route.conditions)];
    cover.methods |= route.methods;
    cover.all_methods |= route.methods == 0;
    if (cover.by == nullptr) cover.by = &route;
    if (host.starts_with('*') && wildcards_.size() < kWildcardsMax &&
        std::ranges::find(wildcards_, host) == wildcards_.end()) {
      wildcards_.push_back(host);
    }
  }
}

// Some route that takes part of the place's requests, when others and it take all of them.
const Shadows::Route* Shadows::find_cover(const Place& place, std::string_view host) const {
  const Route& route = *place.route;
  route::MethodMask taken = 0;
  const Route* by = nullptr;
  const auto take = [&](std::string_view covering_host, std::string_view form, std::string_view conditions) {
    const auto found = covers_.find(key_of(covering_host, form, conditions));
    if (found == covers_.end()) return false;
    const Cover& cover = found->second;
    if (by == nullptr && (cover.all_methods || (cover.methods & route.methods) != 0)) by = cover.by;
    taken |= cover.methods;
    return cover.all_methods || (route.methods != 0 && (taken & route.methods) == route.methods);
  };
  const auto take_forms = [&](std::string_view covering_host) {
    const std::string form = form_of(place);
    for (const std::string_view conditions : {std::string_view(), std::string_view(route.conditions)}) {
      if (take(covering_host, kAnyPath, conditions) || take(covering_host, form, conditions)) return true;
    }
    return false;
  };
  if (take_forms("")) return by;
  if (host.empty()) return nullptr;
  if (take_forms(host)) return by;
  for (const std::string_view wildcard : wildcards_) {
    if (wildcard == host || wildcard.contains(':') || host.contains(':')) continue;
    const bool holds = host.starts_with('*') ? host.substr(1).ends_with(wildcard.substr(1))
                                             : route::host_matches(wildcard, host, "");
    if (holds && take_forms(wildcard)) return by;
  }
  return nullptr;
}

std::vector<Shadows::Shadow> Shadows::take() const {
  std::vector<Shadow> out;
  for (const Route& route : routes_) {
    if (route.covered == 0) continue;
    const Route& by = *route.by;
    const bool is_whole = route.covered == route.places;
    const bool is_equal = is_whole && by.methods == route.methods && by.conditions == route.conditions &&
                          same_texts(by.uris, route.uris) && same_texts(by.hosts, route.hosts);
    out.push_back({route.id, by.id, std::string(route.uris[route.covered_uri]), is_whole, is_equal});
  }
  return out;
}

bool Shadows::forget_some() {
  constexpr std::size_t kAtOnce = 256;
  at_ = {};
  covers_.clear();
  wildcards_.clear();
  for (std::size_t i = 0; i < kAtOnce && !routes_.empty(); ++i) routes_.pop_back();
  return !routes_.empty();
}

Finding Shadows::Shadow::finding() const {
  if (is_equal) {
    return {Severity::kWarning,
            "route-duplicate",
            resource::Kind::kRoute,
            id,
            fmt::format("route {} takes exactly the same requests, and comes first", by),
            "delete one of them"};
  }
  if (is_whole) {
    return {Severity::kWarning,
            "route-shadowed",
            resource::Kind::kRoute,
            id,
            fmt::format("it is never taken: route {} comes first", by),
            "give it a higher priority or more conditions, or delete it"};
  }
  return {Severity::kInfo,
          "route-partly-shadowed",
          resource::Kind::kRoute,
          id,
          fmt::format("its uri {} is never taken: route {} comes first", uri, by),
          "take the uri out, or give the route a higher priority"};
}

}  // namespace apisix::diagnose
