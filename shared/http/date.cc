#include "shared/http/date.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace apisix::http {
namespace {

constexpr std::int64_t kLastSecond = 253402300799;  // 9999-12-31T23:59:59Z

void put_two(char* at, unsigned number) {
  at[0] = static_cast<char>('0' + number / 10);
  at[1] = static_cast<char>('0' + number % 10);
}

}  // namespace

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
  std::memcpy(out + 8, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(static_cast<unsigned>(date.month()) - 1) * 3],
              3);
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
