#include "privileged-agent/priority.h"

#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

namespace apisix::agent {
namespace {

TEST(Priority, ThreadThatGivesWayIsABatchOfTheSameNiceness) {
  std::thread([] {  // of the thread that asks alone
    const int nice_before = ::getpriority(PRIO_PROCESS, 0);
    EXPECT_TRUE(give_way_to_workers());
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice_before);
  })
      .join();
  EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
}

}  // namespace
}  // namespace apisix::agent
