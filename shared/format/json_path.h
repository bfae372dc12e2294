// JSONPath, as far as conditions on request bodies use it: names (dotted or in brackets and quotes), numbers
// (from 0, negative from the end), [*] and .*, and .. for every depth. No filters and no slices.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"
#include "shared/format/json.h"

namespace apisix::format {

class JsonPath {
 public:
  // "a.b[0].c", "messages[*].role", "..name"; a leading "$." may be there. The error says at which byte.
  static base::Result<JsonPath> compile(std::string_view text);

  // Everything that it leads to, in document order, at most kResultsMax.
  std::vector<const Json*> find(const Json& root) const;
  // It is only names: at most one result.
  bool is_definite() const;

  static constexpr std::size_t kResultsMax = 1000;
  static constexpr std::size_t kStepsMax = 64;

 private:
  enum class Kind : std::uint8_t { kName, kIndex, kAny };
  struct Step {
    Kind kind = Kind::kName;
    bool at_any_depth = false;
    std::string name;
    int index = 0;
  };

  static base::Result<Step> parse_bracket(std::string_view text, std::size_t& at);
  static void apply(const Step& step, const Json& value, std::vector<const Json*>& out);
  static void apply_deep(const Step& step, const Json& value, std::vector<const Json*>& out);

  std::vector<Step> steps_;
};

}  // namespace apisix::format
