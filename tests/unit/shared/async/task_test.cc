#include "shared/async/task.h"

#include <string>

#include <gtest/gtest.h>

#include "shared/async/awaiters.h"
#include "shared/async/scope.h"

namespace apisix::async {
namespace {

Task<int> answer() {
  co_return 42;
}

Task<std::string> sleepy(event::Loop& loop, int& stage) {
  stage = 1;
  co_await Sleep(loop, 10);
  stage = 2;
  co_return std::to_string(co_await answer());
}

TEST(Task, WaitsOnTheLoopAndReturnsAValue) {
  event::Loop loop;
  int stage = 0;
  auto task = sleepy(loop, stage);
  EXPECT_EQ(stage, 0);
  task.start();
  EXPECT_EQ(stage, 1);
  while (!task.done()) loop.run_once(1000);
  EXPECT_EQ(task.take_result(), "42");
}

TEST(Task, DestructionWhileSleepingCancels) {
  event::Loop loop;
  int stage = 0;
  {
    auto task = sleepy(loop, stage);
    task.start();
  }
  for (int i = 0; i < 3; ++i) loop.run_once(10);
  EXPECT_EQ(stage, 1);
}

TEST(Scope, RunsDetachedTasksAndForgetsThem) {
  event::Loop loop;
  Scope scope(loop);
  int ended = 0;
  auto work = [](event::Loop& on, int& count) -> Task<void> {
    co_await Sleep(on, 5);
    ++count;
  };
  for (int i = 0; i < 3; ++i) scope.spawn(work(loop, ended));
  EXPECT_FALSE(scope.empty());
  while (!scope.empty()) loop.run_once(100);
  EXPECT_EQ(ended, 3);
}

TEST(Completion, DeliversWhetherSetBeforeOrAfterTheAwait) {
  event::Loop loop;
  Completion<int> early(loop);
  early.set(1);
  Completion<int> late(loop);
  int sum = 0;
  auto work = [](Completion<int>& a, Completion<int>& b, int& out) -> Task<void> {
    out += co_await a;
    out += co_await b;
  };
  auto task = work(early, late, sum);
  task.start();
  EXPECT_EQ(sum, 1);
  late.set(2);
  EXPECT_EQ(sum, 1) << "resumed inline instead of from the ready queue";
  loop.run_once(0);
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace apisix::async
