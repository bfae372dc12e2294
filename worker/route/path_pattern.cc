#include "worker/route/path_pattern.h"

#include <algorithm>

namespace apisix::route {
namespace {

constexpr std::string_view kRegexSyntax = "*+?()[]{}|^$\\";

// The segment at the front; afterwards `rest` starts at its '/' or is empty.
std::string_view take_segment(std::string_view& rest) {
  const std::string_view segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

bool is_named(std::string_view segment) {
  return segment.starts_with(':') || segment.starts_with('*');
}

template <typename Visit>
void for_each_segment(std::string_view uri, Visit visit) {
  for (std::string_view rest = uri;;) {
    const std::string_view segment = take_segment(rest);
    visit(segment, rest.empty());
    if (rest.empty()) return;
    rest.remove_prefix(1);
  }
}

std::string_view name_of(std::string_view segment) {
  if (segment.size() == 1 && segment.front() == '*') return kUnnamedRest;
  return segment.substr(1);
}

bool starts_segment(std::string_view uri, std::size_t at) {
  return at == 0 || uri[at - 1] == '/';
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '.' || kRegexSyntax.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
}

// Literal text is escaped up to the prefix's end; past it regex syntax works as in APISIX.
std::string regex_of(std::string_view uri, std::size_t prefix_size) {
  std::string out;
  unsigned named = 0;
  std::size_t at = 0;
  for_each_segment(uri, [&](std::string_view segment, bool last) {
    if (is_named(segment)) {
      // Named groups: literal text may hold groups of its own.
      out += "(?<p" + std::to_string(named++) + (segment.front() == ':' ? ">[^/]+)" : ">[\\s\\S]*)");
    } else {
      const std::size_t literal = std::min(segment.size(), prefix_size - std::min(prefix_size, at));
      append_escaped(out, segment.substr(0, literal));
      out += segment.substr(literal);
    }
    if (!last) out += '/';
    at += segment.size() + 1;
  });
  return out;
}

void capture(MatchResult& out, std::string_view name, std::string_view value) {
  if (out.parameter_count < kParametersMax) out.parameters[out.parameter_count++] = {name, value};
}

}  // namespace

std::size_t parameter_count(std::string_view uri) {
  std::size_t count = 0;
  for_each_segment(uri, [&](std::string_view segment, bool) { count += is_named(segment); });
  return count;
}

PathShape path_shape(std::string_view uri, bool with_parameters) {
  std::size_t cut = with_parameters ? uri.find(':') : std::string_view::npos;
  if (cut == std::string_view::npos) cut = uri.find('*');
  PathShape shape{.exact = false, .check = PathCheck::kNone, .prefix = uri.substr(0, cut)};
  if (cut == std::string_view::npos) {
    shape.exact = true;
    return shape;
  }
  // Without a named segment APISIX compares nothing more: "/foo*bar" is the prefix "/foo".
  const std::size_t named = parameter_count(uri);
  if (named == 0) return shape;
  if (named == 1 && uri[cut] == '*' && starts_segment(uri, cut) &&
      uri.find('/', cut) == std::string_view::npos) {
    shape.check = PathCheck::kRest;
    return shape;
  }
  shape.check = PathCheck::kSegments;
  std::size_t at = 0;
  for_each_segment(uri, [&](std::string_view segment, bool last) {
    const bool inner_rest = segment.starts_with('*') && !last;
    // Of the kinds without parameters: "/:x/*" is found at the text "/:x/", yet captures x.
    const bool in_prefix = is_named(segment) && at < cut;
    const bool syntax = !is_named(segment) && segment.find_first_of(kRegexSyntax) != std::string_view::npos;
    if (inner_rest || in_prefix || syntax) shape.check = PathCheck::kRegex;
    at += segment.size() + 1;
  });
  return shape;
}

std::string_view rest_name(std::string_view uri, std::size_t prefix_size) {
  return name_of(uri.substr(prefix_size));
}

bool match_segments(std::string_view uri, std::string_view path, std::size_t prefix_size, MatchResult& out) {
  if (starts_segment(uri, prefix_size)) {
    uri.remove_prefix(prefix_size);
    path.remove_prefix(prefix_size);
  }
  const std::uint32_t before = out.parameter_count;
  const auto refused = [&] {
    out.parameter_count = before;
    return false;
  };
  for (;;) {
    if (uri.starts_with('*')) {
      capture(out, name_of(uri), path);
      return true;
    }
    const std::string_view segment = take_segment(uri);
    const std::string_view value = take_segment(path);
    if (segment.starts_with(':')) {
      if (value.empty()) return refused();
      capture(out, segment.substr(1), value);
    } else if (segment != value) {
      return refused();
    }
    if (uri.empty() || path.empty()) return uri.empty() && path.empty() ? true : refused();
    uri.remove_prefix(1);
    path.remove_prefix(1);
  }
}

PathRegex::PathRegex(std::string_view uri, std::size_t prefix_size)
    : regex_(regex_of(uri, prefix_size), format::RegexOptions{.anchored = true}) {}

bool PathRegex::match(std::string_view uri, std::string_view path, MatchResult& out,
                      format::RegexBudget* budget) const {
  const format::Regex* regex = regex_.get();
  std::array<std::string_view, format::Regex::kGroupsMax> groups;
  // As in APISIX the first match at the start has to be the whole path; no shorter or longer one is tried.
  if (regex == nullptr) return false;
  const bool found = budget != nullptr ? regex->search(path, groups, *budget) == format::Match::kYes
                                       : regex->search(path, groups);
  if (!found || groups[0].size() != path.size()) return false;
  unsigned named = 0;
  for_each_segment(uri, [&](std::string_view segment, bool) {
    if (!is_named(segment)) return;
    const auto group = regex->group_number("p" + std::to_string(named++));
    const bool readable = group && *group < groups.size() && groups[*group].data() != nullptr;
    capture(out, name_of(segment), readable ? groups[*group] : path.substr(0, 0));
  });
  return true;
}

}  // namespace apisix::route
