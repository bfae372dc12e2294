#include "shared/async/step.h"

#include <gtest/gtest.h>

#include "shared/async/awaiters.h"

namespace apisix::async {
namespace {

Step at_once(Outcome outcome) {
  return outcome;
}

Step later(event::Loop& loop, Outcome outcome, int& running) {
  ++running;
  struct Leave {
    int& running;
    ~Leave() { --running; }
  } const leave{running};
  co_await Sleep(loop, 5);
  co_return outcome;
}

// Passes when the first does, else what the second says.
Step either(event::Loop& loop, Step first, int& running) {
  if (co_await std::move(first) == Outcome::kPass) co_return Outcome::kPass;
  co_return co_await later(loop, Outcome::kPass, running);
}

TEST(Step, RunsOthersThatDoNotWait) {
  event::Loop loop;
  int running = 0;
  const Step step = either(loop, at_once(Outcome::kPass), running);
  EXPECT_TRUE(step.done());
  EXPECT_EQ(step.outcome(), Outcome::kPass);
}

TEST(Step, RunsOthersThatWait) {
  event::Loop loop;
  int running = 0;
  int done = 0;
  Step step = either(loop, later(loop, Outcome::kRespond, running), running);
  ASSERT_FALSE(step.done());
  step.notify([](void* count) { ++*static_cast<int*>(count); }, &done);
  while (!step.done()) loop.run_once(1000);
  EXPECT_EQ(done, 1);
  EXPECT_EQ(running, 0);
  EXPECT_EQ(step.outcome(), Outcome::kPass);
}

TEST(Step, DestroyingItDestroysTheOneItWaitsFor) {
  event::Loop loop;
  int running = 0;
  {
    const Step step = either(loop, later(loop, Outcome::kRespond, running), running);
    EXPECT_EQ(running, 1);
  }
  EXPECT_EQ(running, 0);
}

}  // namespace
}  // namespace apisix::async
