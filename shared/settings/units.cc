#include "shared/settings/units.h"

#include <array>
#include <limits>

#include "shared/base/text.h"

namespace apisix::settings {
namespace {

struct TimeUnit {
  std::string_view name;
  std::int64_t ms;
};

// In the order in which they may follow each other.
constexpr std::array<TimeUnit, 8> kTimeUnits = {{{"y", 365LL * 86'400'000},
                                                 {"M", 30LL * 86'400'000},
                                                 {"w", 7LL * 86'400'000},
                                                 {"d", 86'400'000},
                                                 {"h", 3'600'000},
                                                 {"m", 60'000},
                                                 {"s", 1'000},
                                                 {"ms", 1}}};
constexpr std::size_t kSeconds = 6;
constexpr std::int64_t kDurationMaxMs = 100 * kTimeUnits[0].ms;

std::string_view take_while(std::string_view& text, bool (*wanted)(char)) {
  std::size_t length = 0;
  while (length < text.size() && wanted(text[length])) ++length;
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

bool is_digit(char c) {
  return base::is_digit(c);
}
bool is_unit_letter(char c) {
  return !base::is_digit(c) && c != ' ';
}

std::optional<std::size_t> find_time_unit(std::string_view name) {
  if (name.empty()) return kSeconds;
  for (std::size_t i = 0; i < kTimeUnits.size(); ++i) {
    if (kTimeUnits[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t total_ms = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const auto number = base::parse_integer<std::int64_t>(take_while(text, is_digit));
    const auto unit = find_time_unit(take_while(text, is_unit_letter));
    if (!number || !unit || *unit < next_unit) return std::nullopt;
    if (*number > kDurationMaxMs / kTimeUnits[*unit].ms) return std::nullopt;
    total_ms += *number * kTimeUnits[*unit].ms;
    if (total_ms > kDurationMaxMs) return std::nullopt;
    next_unit = *unit + 1;
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
  return total_ms;
}

std::optional<std::int64_t> parse_size_bytes(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int shift = 0;
  switch (base::to_lower(text.back())) {
    case 'k':
      shift = 10;
      break;
    case 'm':
      shift = 20;
      break;
    case 'g':
      shift = 30;
      break;
    default:
      break;
  }
  if (shift != 0) text.remove_suffix(1);
  if (text.empty() || !base::is_digit(text.front())) return std::nullopt;
  const auto number = base::parse_integer<std::int64_t>(text);
  if (!number || *number > (std::numeric_limits<std::int64_t>::max() >> shift)) return std::nullopt;
  return *number << shift;
}

}  // namespace apisix::settings
