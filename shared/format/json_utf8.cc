#include "shared/format/json_utf8.h"

#include <algorithm>
#include <string>

#include "shared/base/utf8.h"

namespace apisix::format {
namespace {

bool has_only_utf8(const Json& value) {
  const char* begin = nullptr;
  const char* end = nullptr;
  if (value.isString() && value.getString(&begin, &end)) {
    return base::is_utf8({begin, static_cast<std::size_t>(end - begin)});
  }
  if (!value.isObject() && !value.isArray()) return true;
  for (auto member = value.begin(); member != value.end(); ++member) {
    if (value.isObject() && !base::is_utf8(member.name())) return false;
    if (!has_only_utf8(*member)) return false;
  }
  return true;
}

// Escapes are the only way to strings that are no UTF-8 in a text that is: "\ud800".
bool may_escape_surrogate(std::string_view text) {
  return text.contains("\\ud") || text.contains("\\uD");
}

}  // namespace

base::Status check_utf8(const Json& value) {
  if (has_only_utf8(value)) return {};
  return base::invalid("a text is not UTF-8");
}

base::Result<Json> parse_json_utf8(std::string_view text) {
  if (const auto bad = base::find_invalid_utf8(text); bad != std::string_view::npos) {
    const std::string_view before = text.substr(0, bad);
    const auto line = std::ranges::count(before, '\n') + 1;
    const auto line_start = before.rfind('\n');
    const auto column = bad - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
    return base::invalid("Line " + std::to_string(line) + ", Column " + std::to_string(column) +
                         " the text is not UTF-8");
  }
  auto value = parse_json(text);
  if (value && may_escape_surrogate(text) && !has_only_utf8(*value)) {
    return base::invalid("an escape \\u stands for half a character: the text is not UTF-8");
  }
  return value;
}

}  // namespace apisix::format
