#include "worker/control/shown.h"

#include <gtest/gtest.h>

#include "shared/async/scope.h"
#include "worker/control/next_turn.h"

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

async::Task<void> count_turns(event::Loop& loop, int& turns) {
  for (;;) {
    ++turns;
    co_await NextTurn(loop);
  }
}

TEST(NextTurn, OneStepInEachTurnAndWithoutWaiting) {
  event::Loop loop;
  int turns = 0;
  auto task = count_turns(loop, turns);
  task.start();
  const std::uint64_t begun_us = base::monotonic_now_us();
  for (int i = 0; i < 5; ++i) loop.run_once(10'000);
  EXPECT_GE(turns, 5);
  EXPECT_LE(turns, 6) << "not twice in a turn";
  EXPECT_LT(base::monotonic_now_us() - begun_us, 5'000'000u);
}

TEST(NextTurn, WhoIsDestroyedMeanwhileDoesNotGoOn) {
  event::Loop loop;
  int turns = 0;
  {
    auto task = count_turns(loop, turns);
    task.start();
    loop.run_once(10);
  }
  const int before = turns;
  loop.run_once(10);
  loop.run_once(10);
  EXPECT_EQ(turns, before);
}

}  // namespace
}  // namespace apisix::control
