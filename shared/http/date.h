// IMF-fixdate (RFC 9110 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT", always 29 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace apisix::http {

inline constexpr std::size_t kDateBytes = 29;

// Writes kDateBytes. Seconds since the epoch, years 1970 to 9999; other times are clamped.
void format_date(std::int64_t unix_seconds, char* out);

// Any of the three forms of RFC 9110 5.6.7 (IMF-fixdate, RFC 850, asctime), in seconds since the epoch. The
// name of the day is not looked at; a date before 1970 or a time that no clock shows is none.
std::optional<std::int64_t> parse_date(std::string_view text);

// One per worker: formats once per second.
class DateCache {
 public:
  // Valid until the next call.
  std::string_view at(std::int64_t unix_seconds) {
    if (unix_seconds != seconds_) refresh(unix_seconds);
    return {text_.data(), text_.size()};
  }

 private:
  void refresh(std::int64_t unix_seconds);

  std::int64_t seconds_ = -1;
  std::array<char, kDateBytes> text_{};
};

}  // namespace apisix::http
