#include "shared/base/nearest.h"

#include <algorithm>
#include <vector>

#include "shared/base/text.h"

namespace apisix::base {
namespace {

constexpr std::size_t kNameBytesMax = 64;  // longer names are not typed by hand

char folded(char c) {
  return c == '-' ? '_' : to_lower(c);
}

// Optimal string alignment distance over folded characters.
std::size_t mistakes_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kNameBytesMax) return {};
  std::string_view best;
  std::size_t best_mistakes = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kNameBytesMax) continue;
    const std::size_t mistakes = mistakes_between(name, candidate);
    if (mistakes >= best_mistakes || mistakes >= candidate.size()) continue;
    best = candidate;
    best_mistakes = mistakes;
  }
  return best;
}

}  // namespace apisix::base
