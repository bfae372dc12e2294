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

  // Everything that it leads to, in document order, at most kResultsMax. Nothing when it takes more than
  // `visits_left` values to find out, of which it takes what it looked at.
  std::vector<const Json*> find(const Json& root, std::size_t& visits_left) const;
  std::vector<const Json*> find(const Json& root) const;
  // It is only names: at most one result.
  bool is_definite() const;

  static constexpr std::size_t kResultsMax = 1000;
  static constexpr std::size_t kStepsMax = 64;
  // Some milliseconds. ".." looks at each value once for each value above it from which it starts.
  static constexpr std::size_t kVisitsMax = 500'000;

 private:
  enum class Kind : std::uint8_t { kName, kIndex, kAny };
  struct Step {
    Kind kind = Kind::kName;
    bool at_any_depth = false;
    std::string name;
    int index = 0;
  };

  static base::Result<Step> parse_bracket(std::string_view text, std::size_t& at);
  // What one step leads to.
  struct Found {
    std::vector<const Json*> values;
    std::size_t& visits_left;

    bool is_full() const { return values.size() >= kResultsMax || visits_left == 0; }
  };
  static void apply(const Step& step, const Json& value, Found& out);
  static void apply_deep(const Step& step, const Json& value, int depth, Found& out);

  std::vector<Step> steps_;
};

}  // namespace apisix::format
