// Where a YAML text has comments, without parsing it: what is to be replaced before parsing must not be
// looked for there. A text that is no YAML gets an answer too, of no meaning.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace apisix::format {

struct TextRange {
  std::size_t begin = 0;
  std::size_t end = 0;  // behind the last byte
};

// In order. A comment begins with the `#` and ends before the line's end. A `#` in quotes, in a block of text
// (`|`, `>`) or inside a word begins none (YAML 1.2, 6.6).
std::vector<TextRange> find_yaml_comments(std::string_view text);

}  // namespace apisix::format
