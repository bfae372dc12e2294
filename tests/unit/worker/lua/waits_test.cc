// Coroutines, light threads, semaphores and timers.
#include <gtest/gtest.h>

#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

TEST(LuaWaits, CoroutinesPassValuesBothWays) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval("local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return a + b end) "
               "local _, x = coroutine.resume(co, 1) local ok, y = coroutine.resume(co, 10) "
               "return x, ok, y, coroutine.status(co), coroutine.resume(co)"),
      "2|true|11|dead|false|cannot resume dead coroutine");
}

TEST(LuaWaits, ACoroutineOfTheUserMayWait) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local f = coroutine.wrap(function() ngx.sleep(0.01) coroutine.yield('woke') "
                     "ngx.sleep(0) return 'end' end) "
                     "return f(), f()"),
            "woke|end");
}

TEST(LuaWaits, AnErrorEndsTheCoroutineAlone) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return coroutine.resume(coroutine.create(function() ngx.sleep(0) error('no', 0) end))"),
            "false|no");
  EXPECT_EQ(lua.eval("return pcall(coroutine.wrap(function() error('no', 0) end))"), "false|no");
}

TEST(LuaWaits, PcallSpansAWait) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return pcall(function() ngx.sleep(0.01) error('late', 0) end)"), "false|late");
}

TEST(LuaWaits, ACoroutineKnowsThatItRuns) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval(
          "local co co = coroutine.create(function() return coroutine.status(co), coroutine.resume(co) end) "
          "return coroutine.resume(co)"),
      "true|running|false|cannot resume running coroutine");
}

TEST(LuaWaits, YieldOutsideOfACoroutineIsAnError) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return pcall(coroutine.yield, 1)"), "false|attempt to yield outside a coroutine");
}

TEST(LuaWaits, WhereNothingMayWaitSleepIsDisabled) {
  LuaState lua;
  EXPECT_EQ(lua.eval("ngx.sleep(1)", Phase::kLog),
            "error: test:1: API disabled in the context of log_by_lua*");
  EXPECT_EQ(lua.eval("ngx.sleep(1)", Phase::kHeaderFilter),
            "error: test:1: API disabled in the context of header_filter_by_lua*");
  EXPECT_EQ(lua.eval("local co = coroutine.wrap(function() return coroutine.yield(5) end) return co()",
                     Phase::kLog),
            "5");
}

TEST(LuaWaits, ThreadsRunBesideEachOther) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local order = {} "
                     "local slow = ngx.thread.spawn(function() ngx.sleep(0.05) order[#order + 1] = 'slow' "
                     "return 'a', 'b' end) "
                     "local fast = ngx.thread.spawn(function(x) order[#order + 1] = x ngx.sleep(0.01) "
                     "order[#order + 1] = 'fast' "
                     "return 'c' end, 'arg') "
                     "local ok1, first = ngx.thread.wait(slow, fast) "
                     "local ok2, a, b = ngx.thread.wait(slow) "
                     "return ok1, first, ok2, a, b, table.concat(order, ',')"),
            "true|c|true|a|b|arg,fast,slow");
}

TEST(LuaWaits, AThreadsErrorIsItsResult) {
  LuaState lua;
  EXPECT_EQ(lua.eval("return ngx.thread.wait(ngx.thread.spawn(function() ngx.sleep(0) error('no', 0) end))"),
            "false|no");
}

TEST(LuaWaits, AKilledThreadDoesNotGoOn) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local went_on = false "
                     "local t = ngx.thread.spawn(function() ngx.sleep(0.01) went_on = true end) "
                     "local ok = ngx.thread.kill(t) ngx.sleep(0.05) return ok, went_on"),
            "1|false");
}

TEST(LuaWaits, ExitInAThreadEndsTheWhole) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval(
          "ngx.thread.spawn(function() ngx.sleep(0.01) ngx.exit(403) end) ngx.sleep(0.05) return 'too far'"),
      "exit: 403");
}

TEST(LuaWaits, ExitInAThreadDoesNotWaitForTheEntry) {
  LuaState lua;
  EXPECT_EQ(lua.eval("ngx.thread.spawn(function() ngx.sleep(0.01) ngx.exit(403) end) ngx.sleep(1000)"),
            "exit: 403");
  EXPECT_EQ(lua.eval("ngx.thread.spawn(function() ngx.exit(401) end) return 'too far'"), "exit: 401");
}

TEST(LuaWaits, TheRunEndsWhenItsThreadsHave) {
  LuaState lua;
  EXPECT_EQ(lua.eval("ngx.thread.spawn(function() ngx.sleep(0.02) _G.done = 'yes' end) return 'entry'"),
            "entry");
  EXPECT_EQ(lua.eval("return done"), "yes");
}

TEST(LuaWaits, AFailureOfTheEntryEndsItsThreads) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval("_G.kept = ngx.thread.spawn(function() ngx.sleep(0.02) _G.done = 'yes' end) ngx.sleep(0) "
               "error('no', 0)"),
      "error: no");
  EXPECT_EQ(lua.eval("ngx.sleep(0.05) return done"), "nil");
  EXPECT_EQ(lua.eval("return pcall(ngx.thread.wait, kept)"),
            "false|only the parent coroutine can wait on the thread");
}

TEST(LuaWaits, AKilledThreadStopsToWaitAtOnce) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local t = ngx.thread.spawn(function() ngx.sleep(1000) end) "
                     "return ngx.thread.kill(t), select(2, ngx.thread.kill(t)), ngx.thread.wait(t)"),
            "1|already waited or killed|false|already waited or killed");
}

TEST(LuaWaits, ManyThreadsOfOneRunLeaveNothing) {
  LuaState lua;
  EXPECT_EQ(lua.eval("collectgarbage() local before = collectgarbage('count') "
                     "for i = 1, 2000 do ngx.thread.wait(ngx.thread.spawn(function() return i end)) end "
                     "collectgarbage() collectgarbage() return collectgarbage('count') - before < 200"),
            "true");
}

TEST(LuaWaits, ManyTimersLeaveNothing) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval(
          "local function round() for i = 1, 1000 do ngx.timer.at(0, function() end) end ngx.sleep(0.01) "
          "while ngx.timer.pending_count() > 0 do ngx.sleep(0.001) end collectgarbage() collectgarbage() "
          "return collectgarbage('count') end "
          "round() local before = round() for i = 1, 10 do round() end return round() - before < 200"),
      "true");
}

TEST(LuaWaits, ARepeatedTimerDoesNotWaitForItsFunction) {
  LuaState lua;
  EXPECT_EQ(
      lua.eval("local n = 0 ngx.timer.every(0.01, function() n = n + 1 ngx.sleep(1000) end) ngx.sleep(0.1) "
               "return n >= 3, ngx.timer.running_count() >= 3"),
      "true|true");
}

TEST(LuaWaits, ASemaphoreWaitsForAPost) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local sema = require('ngx.semaphore').new(0) "
                     "ngx.thread.spawn(function() ngx.sleep(0.01) sema:post(1) end) "
                     "local ok, err = sema:wait(1) local late, why = sema:wait(0.01) "
                     "return ok, err, late, why, sema:count()"),
            "true|nil|nil|timeout|0");
}

TEST(LuaWaits, TimersRunWithTheirArguments) {
  LuaState lua;
  EXPECT_EQ(lua.eval("local got ngx.timer.at(0, function(premature, a, b) got = tostring(premature) .. a .. "
                     "tostring(b) end, 'x') "
                     "local pending = ngx.timer.pending_count() ngx.sleep(0.03) return pending, got"),
            "1|falsexnil");
  EXPECT_EQ(
      lua.eval("local n = 0 ngx.timer.every(0.01, function() n = n + 1 end) ngx.sleep(0.1) return n >= 3"),
      "true");
}

TEST(LuaWaits, TimersOfAClosingStateArePremature) {
  LuaState lua;
  EXPECT_EQ(lua.eval("ngx.timer.at(1000, function(premature) _G.seen = premature end)"), "");
  lua.state().close();
  EXPECT_EQ(lua.eval("ngx.sleep(0.01) return seen"), "true");
  EXPECT_EQ(lua.eval("return ngx.timer.at(1, function() end)"), "nil|process exiting");
}

}  // namespace
}  // namespace apisix::lua
