#include "shared/async/background.h"

#include <atomic>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <signal.h>

#include "shared/async/scope.h"
#include "shared/async/task.h"
#include "shared/base/clock.h"

namespace apisix::async {
namespace {

Task<void> run(event::Loop& loop, std::function<std::string()> work, std::string& out) {
  Background<std::string> background(loop, std::move(work));
  out = co_await background.done();
}

bool turn_until(event::Loop& loop, const std::function<bool()>& done) {
  const std::uint64_t begin_us = base::monotonic_now_us();
  while (!done()) {
    if (base::monotonic_now_us() - begin_us > 20'000'000) return false;
    loop.run_once(50);
  }
  return true;
}

TEST(Background, RunsOnAnotherThreadAndResumesOnTheLoops) {
  event::Loop loop;
  Scope scope(loop);
  std::string out;
  std::thread::id worker;
  scope.spawn(run(
      loop,
      [&worker] {
        worker = std::this_thread::get_id();
        return std::string("result");
      },
      out));
  EXPECT_TRUE(out.empty()) << "not before a turn of the loop";
  ASSERT_TRUE(turn_until(loop, [&] { return scope.empty(); }));
  EXPECT_EQ(out, "result");
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(Background, TheLoopTurnsMeanwhile) {
  event::Loop loop;
  Scope scope(loop);
  std::string out;
  std::atomic<bool> may_end = false;
  scope.spawn(run(
      loop,
      [&may_end] {
        while (!may_end) std::this_thread::yield();
        return std::string("late");
      },
      out));
  for (int i = 0; i < 3; ++i) loop.run_once(1);
  EXPECT_TRUE(out.empty());
  may_end = true;
  ASSERT_TRUE(turn_until(loop, [&] { return scope.empty(); }));
  EXPECT_EQ(out, "late");
}

TEST(Background, DestroyedInTheMiddleItWaits) {
  event::Loop loop;
  std::atomic<bool> ended = false;
  std::string out;
  {
    Scope scope(loop);
    scope.spawn(run(
        loop,
        [&ended] {
          std::this_thread::yield();
          ended = true;
          return std::string("not delivered");
        },
        out));
  }
  EXPECT_TRUE(ended);
  EXPECT_TRUE(out.empty());
  loop.run_once(1);
}

TEST(Background, SignalsStayWithTheLoop) {
  event::Loop loop;
  Scope scope(loop);
  std::string out;
  scope.spawn(run(
      loop,
      [] {
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        return std::string(sigismember(&blocked, SIGTERM) == 1 ? "blocked" : "open");
      },
      out));
  ASSERT_TRUE(turn_until(loop, [&] { return scope.empty(); }));
  EXPECT_EQ(out, "blocked");
}

}  // namespace
}  // namespace apisix::async
