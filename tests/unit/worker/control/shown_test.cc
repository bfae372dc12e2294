#include "worker/control/shown.h"

#include <gtest/gtest.h>

namespace apisix::control {
namespace {

using format::Json;

TEST(Shown, EmptyArraysAreWrittenAsLuaDoes) {
  EXPECT_EQ(format::to_json(lua_array(Json(::Json::arrayValue))), "{}");
  Json one(::Json::arrayValue);
  one.append(1);
  EXPECT_EQ(format::to_json(lua_array(one)), "[1]");
}

TEST(Shown, SegmentsOfAPath) {
  std::string_view path = "routes/1/x";
  EXPECT_EQ(take_segment(path), "routes");
  EXPECT_EQ(take_segment(path), "1");
  EXPECT_EQ(take_segment(path), "x");
  EXPECT_EQ(take_segment(path), "");
}

}  // namespace
}  // namespace apisix::control
