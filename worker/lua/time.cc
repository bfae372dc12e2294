// The clock: ngx.now, ngx.time, ngx.http_time ... It is the loop's, read once a turn, as nginx's cached time.
#include <algorithm>
#include <ctime>
#include <string>

#include <fmt/format.h>

#include "shared/base/clock.h"
#include "shared/event/loop.h"
#include "shared/http/date.h"
#include "worker/lua/modules.h"
#include "worker/lua/state.h"

namespace apisix::lua {
namespace {

constexpr double kSecondsMax = 253'402'300'799;  // the end of the year 9999

std::uint64_t now_ms(lua_State* lua) {
  return State::of(lua).loop().clock().wall_ms();
}

std::time_t now_s(lua_State* lua) {
  return static_cast<std::time_t>(now_ms(lua) / 1000);
}

int now(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(now_ms(lua)) / 1000);
  return 1;
}

int time(lua_State* lua) {
  lua_pushnumber(lua, static_cast<double>(now_s(lua)));
  return 1;
}

int update_time(lua_State* lua) {
  State::of(lua).loop().refresh_clock();
  return 0;
}

std::string date_text(const std::tm& at) {
  return fmt::format("{:04}-{:02}-{:02}", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday);
}

std::string time_text(const std::tm& at) {
  return fmt::format("{} {:02}:{:02}:{:02}", date_text(at), at.tm_hour, at.tm_min, at.tm_sec);
}

std::tm local(std::time_t at) {
  std::tm out{};
  ::localtime_r(&at, &out);
  return out;
}

int today(lua_State* lua) {
  push(lua, date_text(local(now_s(lua))));
  return 1;
}

int localtime(lua_State* lua) {
  push(lua, time_text(local(now_s(lua))));
  return 1;
}

int utctime(lua_State* lua) {
  const std::time_t at = now_s(lua);
  std::tm out{};
  ::gmtime_r(&at, &out);
  push(lua, time_text(out));
  return 1;
}

std::string http_text(double seconds) {
  std::string out(http::kDateBytes, ' ');
  http::format_date(static_cast<std::int64_t>(seconds), out.data());
  return out;
}

// A time before 1970, or none, is its first second.
double seconds_argument(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TNUMBER) luaL_error(lua, "number argument only");
  const double seconds = lua_tonumber(lua, 1);
  return seconds > 0 ? std::min(seconds, kSecondsMax) : 0;
}

int http_time(lua_State* lua) {
  push(lua, http_text(seconds_argument(lua)));
  return 1;
}

// "Thu, 18-Nov-10 11:27:35 GMT"
int cookie_time(lua_State* lua) {
  std::string out = http_text(seconds_argument(lua));
  out[7] = '-';
  out[11] = '-';
  // nginx writes the years up to 2037 with two digits.
  if (std::string_view(out).substr(12, 4) < "2038") out.erase(12, 2);
  push(lua, out);
  return 1;
}

int parse_http_time(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) return luaL_error(lua, "string argument only");
  const auto seconds = http::parse_date(text_at(lua, 1));
  if (seconds) {
    lua_pushnumber(lua, static_cast<double>(*seconds));
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

constexpr std::pair<const char*, lua_CFunction> kFunctions[] = {{"now", now},
                                                                {"time", time},
                                                                {"update_time", update_time},
                                                                {"today", today},
                                                                {"localtime", localtime},
                                                                {"utctime", utctime},
                                                                {"http_time", http_time},
                                                                {"cookie_time", cookie_time},
                                                                {"parse_http_time", parse_http_time}};

}  // namespace

void open_time(lua_State* ngx) {
  for (const auto& [name, function] : kFunctions) set_function(ngx, name, function);
}

}  // namespace apisix::lua
