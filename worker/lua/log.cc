// ngx.log, print and the levels. A line carries the file and line of the call, as in OpenResty.
#include "shared/base/log.h"

#include <array>
#include <string>

#include <fmt/format.h>

#include "worker/lua/modules.h"

namespace apisix::lua {
namespace {

struct Level {
  const char* name;
  base::LogLevel level;
};
// ngx.STDERR is 0, ngx.DEBUG 8.
constexpr std::array<Level, 9> kLevels{{{"STDERR", base::LogLevel::kEmerg},
                                        {"EMERG", base::LogLevel::kEmerg},
                                        {"ALERT", base::LogLevel::kAlert},
                                        {"CRIT", base::LogLevel::kCrit},
                                        {"ERR", base::LogLevel::kError},
                                        {"WARN", base::LogLevel::kWarn},
                                        {"NOTICE", base::LogLevel::kNotice},
                                        {"INFO", base::LogLevel::kInfo},
                                        {"DEBUG", base::LogLevel::kDebug}}};

void append(lua_State* lua, int index, std::string& out) {
  switch (lua_type(lua, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      lua_pushvalue(lua, index);
      out += lua_tostring(lua, -1);
      lua_pop(lua, 1);
      return;
    case LUA_TNIL:
      out += "nil";
      return;
    case LUA_TBOOLEAN:
      out += lua_toboolean(lua, index) != 0 ? "true" : "false";
      return;
    case LUA_TLIGHTUSERDATA:
      out += lua_touserdata(lua, index) == nullptr ? "null" : "userdata";
      return;
    default:
      if (luaL_callmeta(lua, index, "__tostring") == 0) {
        luaL_argerror(
            lua, index,
            fmt::format("string, number, boolean, or nil expected, got {}", luaL_typename(lua, index))
                .c_str());
      }
      out += text_at(lua, -1);
      lua_pop(lua, 1);
  }
}

// "FILE:LINE: " of the Lua function that called.
std::string place_of(lua_State* lua) {
  lua_Debug debug{};
  if (lua_getstack(lua, 1, &debug) == 0) return "[lua] ";
  lua_getinfo(lua, "nSl", &debug);
  const std::string_view source(debug.short_src);
  const auto name = source.substr(source.rfind('/') + 1);
  if (debug.name == nullptr) return fmt::format("[lua] {}:{}: ", name, debug.currentline);
  return fmt::format("[lua] {}:{}: {}(): ", name, debug.currentline, debug.name);
}

void write(lua_State* lua, base::LogLevel level, int first) {
  std::string line = place_of(lua);
  for (int i = first; i <= lua_gettop(lua); ++i) append(lua, i, line);
  base::log_line(level, line);
}

int log(lua_State* lua) {
  const auto level = luaL_checkinteger(lua, 1);
  if (level < 0 || level > 8) return luaL_error(lua, "bad log level: %d", static_cast<int>(level));
  const base::LogLevel wanted = kLevels[static_cast<std::size_t>(level)].level;
  if (wanted <= base::log_level()) write(lua, wanted, 2);
  return 0;
}

int print(lua_State* lua) {
  if (base::LogLevel::kNotice <= base::log_level()) write(lua, base::LogLevel::kNotice, 1);
  return 0;
}

}  // namespace

void open_log(lua_State* ngx) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) set_number(ngx, kLevels[i].name, static_cast<double>(i));
  set_function(ngx, "log", log);
  lua_pushcfunction(ngx, print);
  lua_setglobal(ngx, "print");
}

}  // namespace apisix::lua
