#include "worker/proxy/turn_queue.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "shared/base/clock.h"
#include "worker/limits.h"

namespace apisix::proxy {
namespace {

struct Job {
  Job(TurnQueue& queue, std::string& diary, char name, int slices)
      : queue(queue), diary(diary), name(name), slices(slices) {
    queue.push(work, &Job::run, this);
  }
  static void run(void* self) {
    auto* job = static_cast<Job*>(self);
    job->diary += job->name;
    if (--job->slices > 0) job->queue.push(job->work, &Job::run, job);
  }
  TurnQueue& queue;
  std::string& diary;
  char name;
  int slices;
  SlicedWork work;
};

struct TurnQueueTest : testing::Test {
  event::Loop loop;
  TurnQueue queue{loop};
  std::string diary;

  void turn() { loop.run_once(0); }
};

TEST_F(TurnQueueTest, EachJobGetsOneSliceInATurn) {
  Job a(queue, diary, 'a', 3);
  Job b(queue, diary, 'b', 2);
  turn();  // arms the next one
  EXPECT_EQ(diary, "");
  turn();
  EXPECT_EQ(diary, "ab");
  turn();
  EXPECT_EQ(diary, "abab");
  turn();
  EXPECT_EQ(diary, "ababa");
  turn();
  EXPECT_EQ(diary, "ababa");
}

TEST_F(TurnQueueTest, WorkThatIsDestroyedDoesNotRun) {
  auto a = std::make_unique<Job>(queue, diary, 'a', 1);
  Job b(queue, diary, 'b', 1);
  turn();
  a.reset();
  turn();
  EXPECT_EQ(diary, "b");
}

TEST_F(TurnQueueTest, ALongSliceLeavesTheOthersToTheNextTurn) {
  struct Slow {
    SlicedWork work;
    static void run(void*) {
      const std::uint64_t until_us = base::monotonic_now_us() + limits::kSliceTurnUs;
      while (base::monotonic_now_us() < until_us) {
      }
    }
  } slow;
  queue.push(slow.work, &Slow::run, &slow);
  Job b(queue, diary, 'b', 1);
  turn();
  turn();
  EXPECT_EQ(diary, "");
  turn();
  EXPECT_EQ(diary, "b");
}

}  // namespace
}  // namespace apisix::proxy
