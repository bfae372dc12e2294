#include "master/generation.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/channel/heartbeat.h"

namespace apisix::master {
namespace {

using channel::MessageKind;
using State = Generation::State;

void wait_for_end(channel::ChildEnd& channel, memory::StatusSlot& slot) {
  event::Loop loop;
  const channel::Heartbeat heartbeat(loop, slot);
  channel.start(
      loop,
      [&](const channel::Message& message) {
        if (message.kind == MessageKind::kQuit || message.kind == MessageKind::kStop) loop.stop();
      },
      [&] { loop.stop(); });
  loop.run();
}

// Children with one behaviour each; they are processes of their own.
template <typename Context>
int well_behaved(Context&& context) {
  if (!context.channel.send(MessageKind::kReady)) return 1;
  context.slot.connections.requests.add(5);
  wait_for_end(context.channel, context.slot);
  return 0;
}
int says_why_and_leaves(channel::WorkerContext&& context) {
  [[maybe_unused]] const auto told = context.channel.send(MessageKind::kFailed, "the store is locked");
  return 1;
}
int leaves_silently(channel::WorkerContext&&) {
  return 7;
}
int deaf(channel::WorkerContext&& context) {
  [[maybe_unused]] const auto told = context.channel.send(MessageKind::kReady);
  for (;;) ::pause();
}
int drains_for_ever(channel::WorkerContext&& context) {
  [[maybe_unused]] const auto told = context.channel.send(MessageKind::kReady);
  event::Loop loop;
  context.channel.start(
      loop,
      [&](const channel::Message& message) {
        if (message.kind == MessageKind::kStop) loop.stop();
      },
      [&] { loop.stop(); });
  loop.run();
  return 0;
}

class GenerationTest : public ::testing::Test {
 protected:
  std::unique_ptr<Generation> make(int (*worker)(channel::WorkerContext&&), int workers = 2,
                                   std::int64_t drain_ms = 60'000, std::uint64_t ready_ms = 60'000) {
    roles.worker = worker;
    auto setup = std::make_unique<master::Setup>();
    setup->workers = workers;
    setup->ready_timeout_ms = ready_ms;
    setup->settings.nginx_config.worker_shutdown_timeout_ms = drain_ms;
    setup->settings.nginx_config.worker_stuck_timeout_ms = stuck_ms;
    return std::make_unique<Generation>(
        loop, zones, std::move(setup), Listeners{}, 1,
        Generation::Callbacks{[this](Generation&) { ++ready; },
                              [this](Generation&, const std::string& why) { failures.push_back(why); }},
        roles);
  }

  // Turns the loop and reaps until `done`, at most 20 s.
  template <typename Condition>
  void run_until(Generation& generation, Condition done) {
    const std::uint64_t start_us = base::monotonic_now_us();
    while (!done()) {
      ASSERT_LT(base::monotonic_now_us() - start_us, 20'000'000u);
      loop.run_once(5);
      int wait_status = 0;
      for (pid_t pid = 0; (pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0;) {
        EXPECT_TRUE(generation.on_exit(pid, wait_status));
      }
    }
  }
  void end(Generation& generation) {
    generation.stop();
    run_until(generation, [&] { return generation.is_empty(); });
  }
  std::vector<pid_t> pids(memory::ChildRole role) const {
    std::vector<pid_t> out;
    for (const auto& slot : zones.status.slots()) {
      if (slot.state.load() == memory::ChildState::kReady && slot.role.load() == role)
        out.push_back(slot.pid);
    }
    return out;
  }

  event::Loop loop;
  memory::Zones zones = std::move(*memory::Zones::create({}));
  Roles roles{nullptr, well_behaved<channel::AgentContext>};
  int ready = 0;
  std::vector<std::string> failures;
  std::int64_t stuck_ms = 0;
};

TEST_F(GenerationTest, ServesWhenAllWorkersAndThenTheAgentAreReady) {
  auto generation = make(well_behaved<channel::WorkerContext>, 3);
  generation->start();
  EXPECT_EQ(generation->state(), State::kStarting);
  run_until(*generation, [&] { return ready > 0; });
  EXPECT_EQ(generation->state(), State::kServing);
  EXPECT_EQ(pids(memory::ChildRole::kWorker).size(), 3u);
  EXPECT_EQ(pids(memory::ChildRole::kAgent).size(), 1u);

  generation->quit({});
  run_until(*generation, [&] { return generation->is_empty(); });
  EXPECT_EQ(generation->state(), State::kDraining) << "no child had to be stopped";
  EXPECT_EQ(ready, 1);
  EXPECT_TRUE(failures.empty());
  EXPECT_TRUE(pids(memory::ChildRole::kWorker).empty());
  EXPECT_EQ(zones.status.totals().requests, 20u) << "counters outlive the children";
}

TEST_F(GenerationTest, WorkerThatFailsFailsTheStartWithItsWords) {
  auto generation = make(says_why_and_leaves, 1);
  generation->start();
  run_until(*generation, [&] { return generation->is_empty() && !failures.empty(); });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_TRUE(failures[0].ends_with("exited with code 1: the store is locked")) << failures[0];
  EXPECT_EQ(ready, 0);
}

TEST_F(GenerationTest, WorkerThatDiesBeforeReadyFailsTheStartOnce) {
  auto generation = make(leaves_silently, 3);
  generation->start();
  run_until(*generation, [&] { return generation->is_empty() && !failures.empty(); });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_TRUE(failures[0].ends_with("exited with code 7")) << failures[0];
}

TEST_F(GenerationTest, DeadWorkerIsReplacedWhileServing) {
  auto generation = make(well_behaved<channel::WorkerContext>, 2);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  const auto before = pids(memory::ChildRole::kWorker);
  ::kill(before[0], SIGKILL);
  run_until(*generation, [&] {
    const auto now = pids(memory::ChildRole::kWorker);
    return now.size() == 2 && std::ranges::find(now, before[0]) == now.end();
  });
  EXPECT_EQ(ready, 1) << "only the start is announced";
  end(*generation);
}

TEST_F(GenerationTest, QuitWorkersStayAwayAndTheAgentStays) {
  auto generation = make(well_behaved<channel::WorkerContext>, 2);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  generation->quit_workers();
  run_until(*generation, [&] { return pids(memory::ChildRole::kWorker).empty(); });
  for (int i = 0; i < 10; ++i) loop.run_once(10);
  EXPECT_TRUE(pids(memory::ChildRole::kWorker).empty());
  EXPECT_EQ(pids(memory::ChildRole::kAgent).size(), 1u);
  end(*generation);
}

TEST_F(GenerationTest, WorkerThatDoesNotStopIsKilled) {
  auto generation = make(deaf, 1);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  generation->stop();
  run_until(*generation, [&] { return generation->is_empty(); });
  EXPECT_EQ(generation->state(), State::kKilled);
}

TEST_F(GenerationTest, WorkerWhoseLoopStandsStillIsReplacedAndTheOthersStay) {
  stuck_ms = 1;
  auto generation = make(deaf, 1);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  const auto stuck = pids(memory::ChildRole::kWorker);
  const auto agent = pids(memory::ChildRole::kAgent);
  run_until(*generation, [&] {
    const auto now = pids(memory::ChildRole::kWorker);
    return now.size() == 1 && now != stuck;
  });
  EXPECT_EQ(pids(memory::ChildRole::kAgent), agent);
  EXPECT_EQ(zones.status.master().deaths.load(), 1u);
  end(*generation);
}

TEST_F(GenerationTest, WorkerThatDrainsTooLongIsStopped) {
  auto generation = make(drains_for_ever, 1, 50);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  generation->quit({});
  run_until(*generation, [&] { return generation->is_empty(); });
  EXPECT_EQ(generation->state(), State::kStopping);
}

// Ready, but no worker serves before all are: the messages to a complete generation.
int counts_serve_messages(channel::WorkerContext&& context) {
  if (context.worker_index == 1) ::usleep(50'000);
  if (!context.channel.send(MessageKind::kReady)) return 1;
  event::Loop loop;
  context.channel.start(
      loop,
      [&](const channel::Message& message) {
        if (message.kind == MessageKind::kQuit || message.kind == MessageKind::kStop) return loop.stop();
        if (message.kind != MessageKind::kServe) return;
        context.slot.connections.requests.add(1);
        for (const auto& slot : context.zones.status.slots()) {
          if (slot.state.load() == memory::ChildState::kStarting) context.slot.connections.requests.add(1000);
        }
      },
      [&] { loop.stop(); });
  loop.run();
  return 0;
}

TEST_F(GenerationTest, NoWorkerServesBeforeAllAreReadyAndALaterOneServesAtOnce) {
  auto generation = make(counts_serve_messages, 2);
  generation->start();
  // 5 are the agent's.
  run_until(*generation, [&] { return zones.status.totals().requests >= 7; });
  EXPECT_EQ(zones.status.totals().requests, 7u) << "one message each, when no child was starting any more";
  ::kill(pids(memory::ChildRole::kWorker)[0], SIGKILL);
  run_until(*generation, [&] { return zones.status.totals().requests >= 8; });
  EXPECT_EQ(ready, 1);
  end(*generation);
}

int never_ready(channel::WorkerContext&& context) {
  wait_for_end(context.channel, context.slot);
  return 0;
}

TEST_F(GenerationTest, LoadingHasATimeLimit) {
  auto generation = make(never_ready, 2, 60'000, 50);
  generation->start();
  run_until(*generation, [&] { return generation->is_empty() && !failures.empty(); });
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0], "not ready within 1 s: 0 of 2 processes have loaded their configuration");
}

TEST_F(GenerationTest, NoShutdownTimeoutMeansNoLimit) {
  auto generation = make(drains_for_ever, 1, 0);
  generation->start();
  run_until(*generation, [&] { return ready > 0; });
  generation->quit({});
  for (int i = 0; i < 20; ++i) loop.run_once(10);
  EXPECT_EQ(generation->state(), State::kDraining);
  EXPECT_FALSE(generation->is_empty());
  end(*generation);
}

}  // namespace
}  // namespace apisix::master
