// The router: which route does a request take? Edited in place between two events, in time that depends on
// the size of the change and not on the number of routes. A match allocates nothing.
//
// Order (APISIX's): routes whose URI is exactly the path; then prefixes, longest first. Among routes with the
// same text before their '*' or ':': higher priority, then longer URI, then lower sequence. The first whose
// conditions all hold is taken: methods, remote address, hosts, vars, filter, path pattern. With
// radixtree_host_uri that whole order is gone through per host pattern: the exact host, then wildcards with
// the longest first, then the routes without hosts.
//
// Owned by a worker's configuration. Entries and what match() returns live until the next put() or erase().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/ip.h"
#include "shared/base/result.h"
#include "worker/route/methods.h"
#include "worker/route/route_entry.h"
#include "worker/route/variable_name.h"

namespace apisix::route {

enum class RouterKind : std::uint8_t { kHostUri, kUri, kUriWithParameter };

// apisix.router.http of config.yaml: "radixtree_host_uri", "radixtree_uri", "radixtree_uri_with_parameter".
base::Result<RouterKind> router_kind_of(std::string_view name);
std::string_view router_kind_name(RouterKind kind);

inline constexpr std::size_t kUriBytesMax = 8192;   // of a route's uri
inline constexpr std::size_t kHostBytesMax = 1024;  // of a host pattern; longer hosts match by their tail
inline constexpr std::size_t kParametersMax = 32;   // ":name" and "*name" segments of one uri

struct MatchInput {
  std::string_view uri = {};        // the normalised, decoded path
  std::string_view host = {};       // lower case, without port and without a dot at its end
  std::string_view authority = {};  // "host[:port]" of RequestHead; "" = none
  MethodMask method = 0;            // method_bit()
  base::IpAddress remote = {};
  VariableReader* variables = nullptr;  // nullptr = every variable is unset
};

struct Parameter {
  std::string_view name;   // ":ext" for an unnamed rest; a view of the entry's uri
  std::string_view value;  // a view of the request's path
};

// What a match found. Only `entry` is set when it found nothing (nullptr).
struct MatchResult {
  const RouteEntry* entry = nullptr;
  std::uint32_t uri_index = 0;  // which of entry->uris
  std::uint32_t parameter_count = 0;
  std::string_view host_pattern;  // `_host`: the wildcard pattern, or the host itself; "" = no condition
  // Not written until there is something to write (a kilobyte for each request): only the first
  // parameter_count are ever read. A union, as the members of an array would be made empty.
  union {
    std::array<Parameter, kParametersMax> parameters;
  };

  MatchResult() {}

  // `_path`: the route's uri as it was written.
  std::string_view path_pattern() const { return entry->uris[uri_index]; }
  // Of a name used twice the last, as in APISIX.
  std::optional<std::string_view> parameter(std::string_view name) const {
    for (std::uint32_t i = parameter_count; i-- > 0;) {
      if (parameters[i].name == name) return parameters[i].value;
    }
    return std::nullopt;
  }
};

// Why a candidate was taken or not, in the order in which conditions are looked at.
enum class Verdict : std::uint8_t { kMatched, kMethod, kRemoteAddr, kHost, kVars, kFilter, kPath };
std::string_view verdict_name(Verdict verdict);

struct Candidate {
  const RouteEntry* entry;
  std::string path_pattern;
  std::string host_pattern;  // under which radixtree_host_uri found it; "" = without host
  Verdict verdict;
};

// Every route that a request's host and path lead to, in the order of precedence. The first that matched is
// the one that match() takes; those behind it that matched too are what it keeps the request from.
struct Trail {
  std::size_t listed_max = SIZE_MAX;
  std::size_t total = 0;  // those that are not listed included
  std::vector<Candidate> candidates;

  // The taken one is listed whatever the limit.
  void add(Candidate candidate);
  const Candidate* taken() const;

 private:
  bool found_ = false;
};

class RouteIndex;

class Router {
 public:
  static Router make(RouterKind kind);
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  // Inserts the entry, or replaces the one of the same id; on an error nothing changed.
  base::Status put(RouteEntry entry);
  // False when there is none of this id.
  bool erase(std::string_view id);
  const RouteEntry* find(std::string_view id) const;
  std::size_t size() const;
  RouterKind kind() const;

  // The route to take, or nullptr (404). `out` may be nullptr.
  const RouteEntry* match(const MatchInput& input, MatchResult* out) const;

  // The walk of match(), which writes every candidate down and goes on behind the one that is taken: answers
  // "which route stole my request". Runs vars and filters as match() does.
  Trail explain(const MatchInput& input, std::size_t listed_max = SIZE_MAX) const;

  // Bytes held, names and conditions included; what is behind `target` is not.
  std::size_t memory_bytes() const;

 private:
  explicit Router(RouterKind kind);
  std::unique_ptr<RouteIndex> index_;
};

}  // namespace apisix::route
