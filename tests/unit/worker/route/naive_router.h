// The expected results of the router, written straight from the rules of the reference (7.2) over a plain
// list: every route is looked at for every request. Slow and simple on purpose. Literal text must be free of
// characters of regex syntax, other than '*' and ':' as marks.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/route/router.h"

namespace apisix::route {

struct NaiveMatch {
  std::string id;  // "" = no route
  std::size_t uri_index = 0;
  std::string host_pattern;
  std::vector<std::pair<std::string, std::string>> parameters;

  bool operator==(const NaiveMatch&) const = default;
};

class NaiveRouter {
 public:
  explicit NaiveRouter(RouterKind kind) : kind_(kind) {}

  void put(const RouteEntry& entry) { entries_[entry.id] = entry; }
  void erase(const std::string& id) { entries_.erase(id); }
  const std::map<std::string, RouteEntry>& entries() const { return entries_; }

  NaiveMatch match(const MatchInput& input) const {
    if (kind_ == RouterKind::kHostUri) {
      for (const std::string& pattern : patterns_for(input.host)) {
        NaiveMatch found = match_among(places_of_host(pattern), input);
        if (!found.id.empty()) {
          found.host_pattern = pattern;
          return found;
        }
      }
      return match_among(places_of_host(""), input);
    }
    std::vector<Place> all;
    for (const auto& [id, entry] : entries_) add_places(entry, all);
    return match_among(all, input);
  }

 private:
  struct Place {
    const RouteEntry* entry;
    std::size_t uri_index;
    std::string stored;  // the text before the mark
    bool exact;
    std::string uri() const { return std::string(entry->uris[uri_index]); }
  };

  // Host patterns of all routes that this host satisfies, in the order in which they are tried.
  std::vector<std::string> patterns_for(std::string_view host) const {
    std::vector<std::string> out;
    for (const auto& [id, entry] : entries_) {
      for (const std::string_view text : entry.hosts) {
        const std::string pattern(text);
        const bool fits = pattern[0] == '*' ? host.ends_with(pattern.substr(1)) : host == pattern;
        if (fits && std::ranges::find(out, pattern) == out.end()) out.push_back(pattern);
      }
    }
    std::ranges::sort(out, [](const std::string& a, const std::string& b) {
      if ((a[0] == '*') != (b[0] == '*')) return b[0] == '*';
      return a.size() > b.size();
    });
    return out;
  }

  std::vector<Place> places_of_host(const std::string& pattern) const {
    std::vector<Place> out;
    for (const auto& [id, entry] : entries_) {
      const bool mine = pattern.empty() ? entry.hosts.empty() : entry.hosts.contains(pattern);
      if (mine) add_places(entry, out);
    }
    return out;
  }

  void add_places(const RouteEntry& entry, std::vector<Place>& out) const {
    for (std::size_t i = 0; i < entry.uris.size(); ++i) {
      const std::string uri(entry.uris[i]);
      std::size_t mark = kind_ == RouterKind::kUriWithParameter ? uri.find(':') : std::string::npos;
      if (mark == std::string::npos) mark = uri.find('*');
      out.push_back({&entry, i, uri.substr(0, mark), mark == std::string::npos});
    }
  }

  NaiveMatch match_among(std::vector<Place> places, const MatchInput& input) const {
    std::erase_if(places, [&](const Place& place) {
      return place.exact ? place.stored != input.uri : !input.uri.starts_with(place.stored);
    });
    std::ranges::sort(places, [](const Place& a, const Place& b) {
      if (a.exact != b.exact) return a.exact;
      if (a.stored.size() != b.stored.size()) return a.stored.size() > b.stored.size();
      if (a.entry->priority != b.entry->priority) return a.entry->priority > b.entry->priority;
      if (a.uri().size() != b.uri().size()) return a.uri().size() > b.uri().size();
      if (a.entry->sequence != b.entry->sequence) return a.entry->sequence < b.entry->sequence;
      return a.uri_index < b.uri_index;
    });
    for (const Place& place : places) {
      NaiveMatch found{place.entry->id, place.uri_index, {}, {}};
      if (conditions_hold(*place.entry, input, found) &&
          (place.exact || path_fits(place.uri(), input.uri, found))) {
        return found;
      }
    }
    return {};
  }

  bool conditions_hold(const RouteEntry& entry, const MatchInput& input, NaiveMatch& found) const {
    if (entry.methods != 0 && (entry.methods & input.method) == 0) return false;
    if (!entry.remote_addrs.empty() &&
        std::ranges::none_of(entry.remote_addrs, [&](const auto& b) { return b.contains(input.remote); })) {
      return false;
    }
    if (kind_ != RouterKind::kHostUri && !entry.hosts.empty() && !host_fits(entry, input, found))
      return false;
    return !entry.vars || entry.vars->evaluate(*input.variables);
  }

  static bool host_fits(const RouteEntry& entry, const MatchInput& input, NaiveMatch& found) {
    for (const std::string_view pattern : entry.hosts) {
      const bool with_port = pattern.find(':') != std::string::npos && !input.authority.empty();
      const std::string_view host = with_port ? input.authority : input.host;
      if (pattern[0] == '*' && host.ends_with(pattern.substr(1))) {
        found.host_pattern = pattern;
        return true;
      }
      if (host == pattern) {
        found.host_pattern = input.host;
        return true;
      }
    }
    return false;
  }

  // Literal text with its slashes, or a named segment.
  struct Token {
    char kind;  // '/' literal, ':' or '*'
    std::string text;
  };

  static bool path_fits(const std::string& uri, std::string_view path, NaiveMatch& found) {
    std::vector<Token> tokens;
    bool named = false;
    for (std::size_t at = 0; at <= uri.size();) {
      const std::size_t end = std::min(uri.find('/', at), uri.size());
      const std::string segment = uri.substr(at, end - at);
      if (!segment.empty() && (segment[0] == ':' || segment[0] == '*')) {
        tokens.push_back({segment[0], segment == "*" ? ":ext" : segment.substr(1)});
        named = true;
      } else {
        tokens.push_back({'/', segment});
      }
      if (end < uri.size()) tokens.push_back({'/', "/"});
      at = end + 1;
    }
    return !named || fits_from(tokens, 0, path, found.parameters);
  }

  // A rest takes as much as it can.
  static bool fits_from(const std::vector<Token>& tokens, std::size_t at, std::string_view path,
                        std::vector<std::pair<std::string, std::string>>& parameters) {
    if (at == tokens.size()) return path.empty();
    const Token& token = tokens[at];
    if (token.kind == '/') {
      return path.starts_with(token.text) &&
             fits_from(tokens, at + 1, path.substr(token.text.size()), parameters);
    }
    const std::size_t most = token.kind == '*' ? path.size() : std::min(path.find('/'), path.size());
    for (std::size_t size = most + 1; size-- > (token.kind == ':' ? 1U : 0U);) {
      parameters.emplace_back(token.text, path.substr(0, size));
      if (fits_from(tokens, at + 1, path.substr(size), parameters)) return true;
      parameters.pop_back();
    }
    return false;
  }

  RouterKind kind_;
  std::map<std::string, RouteEntry> entries_;
};

}  // namespace apisix::route
