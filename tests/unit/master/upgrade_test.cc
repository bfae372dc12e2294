#include "master/upgrade.h"

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "shared/base/clock.h"

namespace apisix::master {
namespace {

using State = Upgrade::State;

class UpgradeTest : public ::testing::Test {
 protected:
  // `script`: what the new binary does; "$report" in it is where to report to.
  std::unique_ptr<Upgrade> begin(const std::string& script, std::uint64_t timeout_ms = 20'000) {
    const std::string path = ::testing::TempDir() + "upgrade_test_binary";
    std::ofstream(path) << "#!/bin/bash\nreport=${APISIX_INHERITED##*report=}; report=${report%%;*}\n"
                        << script;
    ::chmod(path.c_str(), 0755);
    return execute(path, timeout_ms);
  }
  std::unique_ptr<Upgrade> execute(const std::string& path, std::uint64_t timeout_ms = 20'000) {
    auto upgrade = std::make_unique<Upgrade>(
        loop, Upgrade::Callbacks{[this](const std::vector<int>& fds) { ++ready, unused = fds; },
                                 [this](const std::string& why) { failures.push_back(why); }});
    EXPECT_TRUE(upgrade->start({path, {path, "start"}}, Bequest{{}, {}, -1, 3}, timeout_ms));
    return upgrade;
  }
  void run_until(Upgrade& upgrade, State state) {
    const std::uint64_t start_us = base::monotonic_now_us();
    while (upgrade.state() != state) {
      ASSERT_LT(base::monotonic_now_us() - start_us, 20'000'000u);
      loop.run_once(5);
      int wait_status = 0;
      const pid_t pid = ::waitpid(upgrade.pid(), &wait_status, WNOHANG);
      if (pid > 0) EXPECT_TRUE(upgrade.on_exit(pid, wait_status));
    }
  }

  event::Loop loop;
  int ready = 0;
  std::vector<int> unused;
  std::vector<std::string> failures;
};

TEST_F(UpgradeTest, IsDoneWhenTheNewOneIsReady) {
  auto upgrade = begin("printf R7,8 >&$report; eval \"exec $report>&-\"; exec sleep 100\n");
  run_until(*upgrade, State::kDone);
  EXPECT_EQ(unused, (std::vector<int>{7, 8}));
  EXPECT_TRUE(failures.empty());
  upgrade->cancel("too late");
  EXPECT_EQ(::waitpid(upgrade->pid(), nullptr, WNOHANG), 0) << "it is not ours to end any more";
  ::kill(upgrade->pid(), SIGKILL);
  ::waitpid(upgrade->pid(), nullptr, 0);
}

TEST_F(UpgradeTest, TellsTheNewOnesOwnWords) {
  auto upgrade = begin("printf 'Fno such user' >&$report; exit 1\n");
  run_until(*upgrade, State::kFailed);
  EXPECT_EQ(failures, std::vector<std::string>{"no such user"});
}

TEST_F(UpgradeTest, TellsHowASilentOneEnded) {
  auto upgrade = begin("exit 3\n");
  run_until(*upgrade, State::kFailed);
  upgrade = begin("kill -SEGV $$\n");
  run_until(*upgrade, State::kFailed);
  EXPECT_EQ(failures, (std::vector<std::string>{"it exited with code 3", "it died on signal 11"}));
}

TEST_F(UpgradeTest, TellsWhatCannotBeExecuted) {
  auto upgrade = execute("/nowhere/apisix");
  run_until(*upgrade, State::kFailed);
  EXPECT_EQ(failures, std::vector<std::string>{"cannot execute /nowhere/apisix: No such file or directory"});
}

TEST_F(UpgradeTest, OneThatIsNeitherReadyNorLeavesIsKilled) {
  auto upgrade = begin("trap '' TERM\nwhile :; do sleep 0.05; done\n", 200);
  run_until(*upgrade, State::kFailed);
  EXPECT_EQ(failures, std::vector<std::string>{"it was not ready within 1 s"});
  EXPECT_EQ(::kill(upgrade->pid(), 0), -1);
  EXPECT_EQ(ready, 0);
}

TEST_F(UpgradeTest, ReadyAndDeadAtOnceIsAFailure) {
  auto upgrade = begin("printf R >&$report; kill -9 $$\n");
  int wait_status = 0;
  ASSERT_EQ(::waitpid(upgrade->pid(), &wait_status, 0), upgrade->pid());
  EXPECT_TRUE(upgrade->on_exit(upgrade->pid(), wait_status));
  EXPECT_EQ(upgrade->state(), State::kFailed);
  EXPECT_EQ(failures, std::vector<std::string>{"it died on signal 9"});
  EXPECT_EQ(ready, 0);
}

}  // namespace
}  // namespace apisix::master
