#include "worker/route/lua_number.h"

#include <cmath>

#include <gtest/gtest.h>

namespace apisix::route {
namespace {

TEST(LuaNumber, FromText) {
  const std::pair<const char*, double> good[] = {
      {"0", 0},      {"-1", -1},          {"+2", 2},         {"1.5", 1.5},
      {".5", .5},    {"5.", 5},           {"1e3", 1000},     {" 7\t\n", 7},
      {"0x10", 16},  {"0XfF", 255},       {"-0x1p4", -16},   {"0b101", 5},
      {"007", 7},    {"1e400", INFINITY}, {"inf", INFINITY}, {"-Infinity", -INFINITY},
      {"1e-400", 0}, {"0x.8", .5},
  };
  for (const auto& [text, value] : good) EXPECT_EQ(to_lua_number(text), value) << text;
  EXPECT_TRUE(std::isnan(to_lua_number("nan").value()));
  for (const char* bad :
       {"", " ", "a", "1a", "--1", "+-1", "- 1", "1 2", "0x", "0b", "0b2", "0x-1", "1e", "1,5", "e5"}) {
    EXPECT_EQ(to_lua_number(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(to_lua_number(std::string_view("1\0", 2)), std::nullopt);
}

TEST(LuaNumber, ToText) {
  EXPECT_EQ(lua_number_text(10), "10");
  EXPECT_EQ(lua_number_text(0.1), "0.1");
  EXPECT_EQ(lua_number_text(1e20), "1e+20");
}

}  // namespace
}  // namespace apisix::route
