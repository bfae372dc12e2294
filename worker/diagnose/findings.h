// Findings: what lint found, worst first, bounded: counts are complete, the list may be cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::diagnose {

// kError: requests fail. kWarning: something does not do what it says. kInfo: it could be tidier.
enum class Severity : std::uint8_t { kError, kWarning, kInfo };
std::string_view name_of(Severity severity);

struct Finding {
  Severity severity = Severity::kInfo;
  std::string_view code;  // "route-shadowed": never changes its meaning
  resource::Kind kind = resource::Kind::kRoute;
  std::string id;    // as in the store: "jack/credentials/c1"
  std::string text;  // what is so
  std::string hint;  // what to do
};

class Findings {
 public:
  static constexpr std::size_t kListedMax = 1000;  // of each severity

  void add(Finding finding);
  std::size_t count(Severity severity) const { return counts_[static_cast<std::size_t>(severity)]; }
  // {counts: {error, warning, info}, findings: [{severity, code, kind, id, text, hint}], left_out}: by
  // severity, kind and id.
  format::Json to_json() const;

 private:
  std::vector<Finding> list_;
  std::array<std::size_t, 3> counts_{};
};

}  // namespace apisix::diagnose
