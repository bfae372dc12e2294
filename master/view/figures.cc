#include "master/view/figures.h"

#include <cmath>

#include <fmt/format.h>

namespace apisix::master {
namespace {

constexpr std::uint64_t kMinute = 60;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kDay = 24 * kHour;

// About three digits, and no digits after the point beyond that.
std::string three_digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  return value < 99.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

}  // namespace

std::string age_text(std::uint64_t seconds) {
  if (seconds < kMinute) return fmt::format("{}s", seconds);
  if (seconds < kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < kDay) return fmt::format("{}h{}m", seconds / kHour, seconds % kHour / kMinute);
  if (seconds < 100 * kDay) return fmt::format("{}d{}h", seconds / kDay, seconds % kDay / kHour);
  return fmt::format("{}d", seconds / kDay);
}

std::string count_text(std::uint64_t count) {
  std::string out = std::to_string(count);
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, ",");
  return out;
}

std::string rate_text(double per_second) {
  if (per_second < 0.05) return "0";
  if (per_second < 99.95) return fmt::format("{:.1f}", per_second);
  if (per_second < 9999.5) return fmt::format("{:.0f}", per_second);
  if (per_second < 999'500) return fmt::format("{:.1f}k", per_second / 1e3);
  return fmt::format("{:.1f}M", per_second / 1e6);
}

std::string latency_text(double ms) {
  return ms < 999.5 ? three_digits(ms) + "ms" : three_digits(ms / 1e3) + "s";
}

std::string share_text(double part, double whole) {
  if (whole <= 0 || part <= 0) return "0%";
  const double percent = 100 * part / whole;
  return percent < 9.95 ? fmt::format("{:.1f}%", percent) : fmt::format("{:.0f}%", percent);
}

}  // namespace apisix::master
