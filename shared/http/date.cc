#include "shared/http/date.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "shared/base/text.h"

namespace apisix::http {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z

void put_two(char* at, unsigned number) {
  at[0] = static_cast<char>('0' + number / 10);
  at[1] = static_cast<char>('0' + number % 10);
}

// Reads a date piece by piece from the left; once something does not fit, nothing fits any more.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  void skip(std::string_view expected) {
    fits_ = fits_ && rest_.starts_with(expected);
    if (fits_) rest_.remove_prefix(expected.size());
  }
  int number(std::size_t digits) {
    const auto value = base::parse_integer<unsigned>(rest_.substr(0, digits));
    fits_ = fits_ && rest_.size() >= digits && value.has_value();
    if (!fits_) return 0;
    rest_.remove_prefix(digits);
    return static_cast<int>(*value);
  }
  // Of the month, in asctime's form: a space where the first digit would be 0.
  int padded_day() {
    if (rest_.starts_with(' ')) {
      skip(" ");
      return number(1);
    }
    return number(2);
  }
  int month() {
    const auto at = kMonths.find(rest_.substr(0, 3));
    fits_ = fits_ && rest_.size() >= 3 && at % 3 == 0;
    if (!fits_) return 0;
    rest_.remove_prefix(3);
    return static_cast<int>(at / 3) + 1;
  }
  bool at_end() const { return fits_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool fits_ = true;
};

struct DateParts {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

void read_time(DateReader& reader, DateParts& parts) {
  parts.hour = reader.number(2);
  reader.skip(":");
  parts.minute = reader.number(2);
  reader.skip(":");
  parts.second = reader.number(2);
}

// "06 Nov 1994 08:49:37 GMT" or "06-Nov-94 08:49:37 GMT", what follows the comma.
DateParts read_after_comma(DateReader& reader, bool is_rfc850) {
  const std::string_view separator = is_rfc850 ? "-" : " ";
  DateParts parts;
  parts.day = reader.number(2);
  reader.skip(separator);
  parts.month = reader.month();
  reader.skip(separator);
  parts.year = reader.number(is_rfc850 ? 2 : 4);
  if (is_rfc850) parts.year += parts.year < 70 ? 2000 : 1900;
  reader.skip(" ");
  read_time(reader, parts);
  reader.skip(" GMT");
  return parts;
}

// "Nov  6 08:49:37 1994", what follows the name of the day.
DateParts read_asctime(DateReader& reader) {
  DateParts parts;
  parts.month = reader.month();
  reader.skip(" ");
  parts.day = reader.padded_day();
  reader.skip(" ");
  read_time(reader, parts);
  reader.skip(" ");
  parts.year = reader.number(4);
  return parts;
}

std::optional<std::int64_t> seconds_of(const DateParts& parts) {
  using namespace std::chrono;
  const year_month_day date{year(parts.year), month(static_cast<unsigned>(parts.month)),
                            day(static_cast<unsigned>(parts.day))};
  if (!date.ok() || parts.year < 1970) return std::nullopt;
  // 60: a leap second.
  if (parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
  return sys_days(date).time_since_epoch().count() * std::int64_t{86400} + parts.hour * 3600 +
         parts.minute * 60 + parts.second;
}

}  // namespace

std::optional<std::int64_t> parse_date(std::string_view text) {
  const auto comma = text.find(", ");
  const auto space = text.find(' ');
  if (comma != text.npos) {
    text.remove_prefix(comma + 2);
  } else if (space != text.npos) {
    text.remove_prefix(space + 1);
  }
  DateReader reader(text);
  const bool is_rfc850 = text.size() > 2 && text[2] == '-';
  const DateParts parts = comma != text.npos ? read_after_comma(reader, is_rfc850) : read_asctime(reader);
  return reader.at_end() ? seconds_of(parts) : std::nullopt;
}

void format_date(std::int64_t unix_seconds, char* out) {
  using namespace std::chrono;
  const std::int64_t clamped = std::clamp<std::int64_t>(unix_seconds, 0, kLastSecond);
  const sys_seconds time{seconds(clamped)};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const auto second_of_day = static_cast<unsigned>((time - day).count());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::memcpy(out, "Sun, 00 Jan 0000 00:00:00 GMT", kDateBytes);
  std::memcpy(out, &"SunMonTueWedThuFriSat"[weekday{day}.c_encoding() * 3], 3);
  put_two(out + 5, static_cast<unsigned>(date.day()));
  std::memcpy(out + 8, &kMonths[(static_cast<unsigned>(date.month()) - 1) * 3], 3);
  put_two(out + 12, year / 100);
  put_two(out + 14, year % 100);
  put_two(out + 17, second_of_day / 3600);
  put_two(out + 20, second_of_day / 60 % 60);
  put_two(out + 23, second_of_day % 60);
}

void DateCache::refresh(std::int64_t unix_seconds) {
  format_date(unix_seconds, text_.data());
  seconds_ = unix_seconds;
}

}  // namespace apisix::http
