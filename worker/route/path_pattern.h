// A route's uri, taken apart: the text that is stored, and what is left to be compared with a path.
//   "/foo"          exact
//   "/foo*"         prefix "/foo", nothing left to compare
//   "/foo/*rest"    prefix "/foo/", the rest of the path is captured
//   "/foo/:id/bar"  (parameter mode only) prefix "/foo/", compared segment by segment
//   "/foo/*/bar", "/:id/nodes/?"  compared by a regular expression, as are all patterns in which a '*' stands
//                   before other text or literal text has a character of regex syntax: APISIX does not escape
//                   it, so that "/?" is an optional last slash. A '.' alone stands for itself.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shared/format/regex.h"
#include "worker/route/router.h"

namespace apisix::route {

enum class PathCheck : std::uint8_t { kNone, kRest, kSegments, kRegex };

struct PathShape {
  bool exact = false;
  PathCheck check = PathCheck::kNone;  // what is left to compare once the prefix is the path's
  std::string_view prefix;             // what is stored; the whole uri when exact
};

// `with_parameters`: does ':' start a parameter (radixtree_uri_with_parameter)?
PathShape path_shape(std::string_view uri, bool with_parameters);

// How many ":name" and "*name" segments.
std::size_t parameter_count(std::string_view uri);

inline constexpr std::string_view kUnnamedRest = ":ext";

// The rest's name: kUnnamedRest when it has none. `uri` has check kRest and `prefix_size` bytes before its
// '*'.
std::string_view rest_name(std::string_view uri, std::size_t prefix_size);

// kSegments: does the path satisfy the pattern? Captures into `out` from out.parameter_count on; nothing is
// captured when it does not. Both are as long as the stored prefix, which is already compared.
bool match_segments(std::string_view uri, std::string_view path, std::size_t prefix_size, MatchResult& out);

// kRegex: the compiled form of one uri.
class PathRegex {
 public:
  PathRegex(std::string_view uri, std::size_t prefix_size);
  // `budget`: what the request's regular expressions have left; may be null.
  bool match(std::string_view uri, std::string_view path, MatchResult& out,
             format::RegexBudget* budget) const;
  // Why no path matches: it does not compile. nullopt: it does.
  std::optional<std::string> error() const { return regex_.error(); }

 private:
  format::LazyRegex regex_;
};

}  // namespace apisix::route
