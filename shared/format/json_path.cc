#include "shared/format/json_path.h"

#include <algorithm>

#include "shared/base/text.h"

namespace apisix::format {
namespace {

bool ends_name(char c) {
  return c == '.' || c == '[';
}

base::Status invalid_at(std::string_view text, std::size_t at, std::string_view what) {
  return base::invalid("invalid JSONPath '" + std::string(text) + "' at byte " + std::to_string(at + 1) +
                       ": " + std::string(what));
}

}  // namespace

base::Result<JsonPath> JsonPath::compile(std::string_view text) {
  JsonPath path;
  std::size_t at = 0;
  if (text.starts_with("$")) at = 1;
  if (at < text.size() && text[at] == '.' && text.substr(at, 2) != "..") ++at;
  while (at < text.size()) {
    if (path.steps_.size() == kStepsMax)
      return std::unexpected(invalid_at(text, at, "too many steps").error());
    Step step;
    if (text.substr(at, 2) == "..") {
      step.at_any_depth = true;
      at += 2;
    } else if (text[at] == '.') {
      ++at;
    }
    if (at < text.size() && text[at] == '[') {
      auto bracket = parse_bracket(text, at);
      if (!bracket) return std::unexpected(bracket.error());
      bracket->at_any_depth = step.at_any_depth;
      path.steps_.push_back(std::move(*bracket));
      continue;
    }
    const std::size_t begin = at;
    while (at < text.size() && !ends_name(text[at])) ++at;
    if (at == begin) return std::unexpected(invalid_at(text, at, "a name is missing").error());
    step.name = text.substr(begin, at - begin);
    if (step.name == "*") step.kind = Kind::kAny;
    path.steps_.push_back(std::move(step));
  }
  if (path.steps_.empty()) return std::unexpected(invalid_at(text, 0, "it is empty").error());
  return path;
}

// `at` is at the '['; afterwards behind the ']'.
base::Result<JsonPath::Step> JsonPath::parse_bracket(std::string_view text, std::size_t& at) {
  const std::size_t begin = at + 1;
  Step step;
  if (begin < text.size() && (text[begin] == '\'' || text[begin] == '"')) {
    const auto end = text.find(text[begin], begin + 1);
    if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ']') {
      return std::unexpected(invalid_at(text, begin, "the quoted name does not end").error());
    }
    step.name = text.substr(begin + 1, end - begin - 1);
    at = end + 2;
    return step;
  }
  const auto end = text.find(']', begin);
  if (end == std::string_view::npos) return std::unexpected(invalid_at(text, at, "']' is missing").error());
  const std::string_view inside = base::trim(text.substr(begin, end - begin));
  if (inside == "*") {
    step.kind = Kind::kAny;
  } else if (const auto index = base::parse_integer<int>(inside)) {
    step.kind = Kind::kIndex;
    step.index = *index;
  } else {
    return std::unexpected(invalid_at(text, begin, "expected a number, '*' or a quoted name").error());
  }
  at = end + 1;
  return step;
}

void JsonPath::apply(const Step& step, const Json& value, Found& out) {
  if (out.is_full()) return;
  --out.visits_left;
  switch (step.kind) {
    case Kind::kName:
      if (const Json& member = find_member(value, step.name); value.isObject() && value.isMember(step.name)) {
        out.values.push_back(&member);
      }
      return;
    case Kind::kIndex: {
      if (!value.isArray()) return;
      const int size = static_cast<int>(value.size());
      const int index = step.index < 0 ? size + step.index : step.index;
      if (index >= 0 && index < size) out.values.push_back(&value[index]);
      return;
    }
    case Kind::kAny:
      if (!value.isArray() && !value.isObject()) return;
      for (const Json& member : value) {
        if (out.is_full()) return;
        --out.visits_left;
        out.values.push_back(&member);
      }
  }
}

void JsonPath::apply_deep(const Step& step, const Json& value, int depth, Found& out) {
  apply(step, value, out);
  if ((!value.isArray() && !value.isObject()) || depth == kJsonDepthMax) return;
  for (const Json& member : value) {
    if (out.is_full()) return;
    apply_deep(step, member, depth + 1, out);
  }
}

std::vector<const Json*> JsonPath::find(const Json& root) const {
  std::size_t visits_left = kVisitsMax;
  return find(root, visits_left);
}

std::vector<const Json*> JsonPath::find(const Json& root, std::size_t& visits_left) const {
  std::vector<const Json*> found{&root};
  for (const Step& step : steps_) {
    Found next{{}, visits_left};
    for (const Json* value : found) {
      step.at_any_depth ? apply_deep(step, *value, 0, next) : apply(step, *value, next);
    }
    // What was found by then is not all that it leads to.
    if (visits_left == 0) return {};
    found = std::move(next.values);
  }
  return found;
}

bool JsonPath::is_definite() const {
  return std::ranges::all_of(steps_,
                             [](const Step& step) { return step.kind != Kind::kAny && !step.at_any_depth; });
}

}  // namespace apisix::format
