#include "shared/event/loop.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::event {
namespace {

// Notes when it runs; may ask to run once more.
struct Work {
  static void run(void* self) {
    auto& work = *static_cast<Work*>(self);
    work.order += work.name;
    if (work.times_left-- > 1) work.loop.end_of_turn().push(work.node, &Work::run, self);
  }

  Loop& loop;
  std::string& order;
  char name;
  int times_left = 1;
  ReadyNode node = {};
};

TEST(LoopTest, end_of_turn_work_runs_behind_the_ready_queue) {
  Loop loop;
  std::string order;
  Work last{loop, order, 'b'};
  Work ready{loop, order, 'a'};
  loop.end_of_turn().push(last.node, &Work::run, &last);
  loop.ready().push(ready.node, &Work::run, &ready);
  loop.run_once(0);
  EXPECT_EQ(order, "ab");
}

TEST(LoopTest, end_of_turn_work_that_is_pushed_by_such_work_waits_for_the_next_turn) {
  Loop loop;
  std::string order;
  Work work{loop, order, 'a', 2};
  loop.end_of_turn().push(work.node, &Work::run, &work);
  loop.run_once(60'000);
  EXPECT_EQ(order, "a");
  loop.run_once(60'000);  // does not wait
  EXPECT_EQ(order, "aa");
}

TEST(LoopTest, destroyed_node_leaves_the_end_of_turn_work) {
  Loop loop;
  std::string order;
  {
    Work work{loop, order, 'a'};
    loop.end_of_turn().push(work.node, &Work::run, &work);
  }
  loop.run_once(0);
  EXPECT_EQ(order, "");
}

}  // namespace
}  // namespace apisix::event
