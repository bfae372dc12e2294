// YAML text -> Json, with the line of every key, so that a check of the values can say where they are.
// For config.yaml and apisix.yaml: plain scalars are typed as APISIX's parser (lyaml, YAML 1.1) types them.
// yaml-cpp's exceptions stop here; only this folder includes it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/format/json.h"

namespace apisix::format {

// Nesting deeper than this is refused.
inline constexpr int kYamlDepthMax = 64;
// Values that aliases (*name, <<) may copy in one document: what stops a "billion laughs" file.
inline constexpr std::size_t kYamlAliasedValuesMax = 100'000;

struct Yaml {
  Json value;  // null for an empty document
  // "deployment.admin.admin_key[0].key" -> 1-based line of the key or the list element.
  std::unordered_map<std::string, int, base::StringHash, std::equal_to<>> lines;

  // The line of `path`, or of its nearest ancestor that has one; 0 when none has.
  int line_of(std::string_view path) const;
  // After `from` was moved to `to` in `value`: its lines, and those below it, are known under the new
  // path too.
  void rename_lines(std::string_view from, std::string_view to);
};

enum class YamlLines : bool { kSkip, kKeep };

// One document. Errors read "NAME:LINE:COLUMN: what is wrong". Refused: a second document, a key that is
// there twice (both lines named), keys that are not scalars, control characters, bytes that are not UTF-8,
// what exceeds the limits.
// Scalars: true/false/yes/no/on/off are booleans, null/~/nothing are null, 12, -1_000, 0x1F, 0b11, 017, 1.5
// and 1e3 are numbers, everything else and everything quoted is text. Unlike YAML 1.1, "1:30" is text,
// not 90. Merge keys (<<) are resolved; a map's own keys win. The names of keys are always text.
base::Result<Yaml> parse_yaml(std::string_view text, std::string_view name,
                              YamlLines lines = YamlLines::kKeep);

// Block style, keys in alphabetical order, no "---"; parse_yaml() gives the same value again.
std::string to_yaml(const Json& value);

// The typing of one plain (unquoted) scalar.
Json plain_scalar(std::string_view text);

}  // namespace apisix::format
