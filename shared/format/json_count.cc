#include "shared/format/json_count.h"

#include <algorithm>

namespace apisix::format {
namespace {

// `at` is behind the opening quote; the place of the closing one, or the end.
std::size_t find_string_end(std::string_view text, std::size_t at) {
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at;
}

}  // namespace

// Every value but the first follows one of these.
std::size_t count_json_values(std::string_view text) {
  std::size_t count = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '"':
        at = find_string_end(text, at + 1);
        break;
      case ',':
      case ':':
      case '[':
      case '{':
        ++count;
        break;
      default:
        break;
    }
  }
  return count;
}

bool is_nested_deeper(const Json& value, int levels) {
  if (!value.isArray() && !value.isObject()) return false;
  if (levels == 0) return true;
  return std::ranges::any_of(value,
                             [levels](const Json& member) { return is_nested_deeper(member, levels - 1); });
}

}  // namespace apisix::format
