#include "shared/memory/health_table.h"

#include <csignal>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace apisix::memory {
namespace {

using Event = HealthEvent;
using Status = HealthStatus;

base::IpAddress ip(const std::string& text) {
  return *base::IpAddress::parse(text);
}

TEST(HealthState, FailuresTurnItAtTheLimit) {
  HealthState state = after_event({}, Event::kTcpFailure, 2);
  EXPECT_EQ(state.status, Status::kMostlyHealthy);
  EXPECT_EQ(state.tcp_failure, 1);
  state = after_event(state, Event::kTcpFailure, 2);
  EXPECT_EQ(state.status, Status::kUnhealthy);
  EXPECT_EQ(state.tcp_failure, 2);
  EXPECT_EQ(after_event(state, Event::kTcpFailure, 2), state) << "an unhealthy node counts no failures";
}

TEST(HealthState, SuccessesBringItBack) {
  HealthState state{.status = Status::kUnhealthy, .http_failure = 3, .timeout_failure = 1};
  state = after_event(state, Event::kSuccess, 2);
  EXPECT_EQ(state, (HealthState{.status = Status::kMostlyUnhealthy, .success = 1}));
  EXPECT_EQ(after_event(state, Event::kHttpFailure, 5).status, Status::kMostlyUnhealthy);
  EXPECT_EQ(after_event(state, Event::kHttpFailure, 5).success, 0) << "successes must come in a row";
  state = after_event(state, Event::kSuccess, 2);
  EXPECT_EQ(state, (HealthState{.status = Status::kHealthy, .success = 2}));
  EXPECT_EQ(after_event(state, Event::kSuccess, 2), state) << "a healthy node counts no successes";
}

TEST(HealthState, KindsOfFailureCountApart) {
  HealthState state = after_event({}, Event::kTcpFailure, 3);
  state = after_event(state, Event::kTimeout, 3);
  state = after_event(state, Event::kHttpFailure, 3);
  EXPECT_EQ(
      state,
      (HealthState{
          .status = Status::kMostlyHealthy, .http_failure = 1, .tcp_failure = 1, .timeout_failure = 1}));
  state = after_event(state, Event::kSuccess, 1);
  EXPECT_EQ(state, (HealthState{.status = Status::kHealthy, .success = 1}));
}

TEST(HealthState, LimitZeroTurnsAKindOff) {
  EXPECT_EQ(after_event({}, Event::kTimeout, 0), HealthState{});
}

class HealthTableTest : public testing::Test {
 protected:
  HealthTable table = std::move(*HealthTable::create("test", 1 << 20));
};

TEST_F(HealthTableTest, CheckerIsMadeByTheFirstWhoWantsIt) {
  EXPECT_FALSE(table.find_checker("/apisix/routes/1"));
  const std::uint32_t wants = table.wants();
  const auto first = table.want("/apisix/routes/1");
  EXPECT_NE(table.wants(), wants);
  const auto again = table.want("/apisix/routes/1");
  EXPECT_EQ(table.wants(), wants + 1) << "wanted once";
  EXPECT_EQ(first.id, again.id);
  EXPECT_TRUE(table.is_wanted(first));
  EXPECT_NE(table.want("/apisix/routes/2").id, first.id);
  EXPECT_EQ(table.stats().checkers, 2u);
}

TEST_F(HealthTableTest, VersionChangesWithEveryTurnAndTarget) {
  const auto checker = table.want("a");
  const auto version = [&] { return table.version(checker); };
  std::set<std::uint64_t> seen{0, version()};
  const auto target = table.add_target(checker, {ip("127.0.0.1"), 80, ""}, 0);
  EXPECT_TRUE(seen.insert(version()).second);
  table.report(checker, target, Event::kTcpFailure, 2);
  EXPECT_FALSE(seen.insert(version()).second) << "mostly healthy is still used";
  EXPECT_TRUE(table.report(checker, target, Event::kTcpFailure, 2).turned());
  EXPECT_TRUE(seen.insert(version()).second);
  EXPECT_TRUE(table.report(checker, target, Event::kSuccess, 1).turned());
  EXPECT_TRUE(seen.insert(version()).second);
  table.remove_target(checker, target);
  EXPECT_TRUE(seen.insert(version()).second);
}

TEST_F(HealthTableTest, TargetKeepsItsStateWhenItIsAddedAgain) {
  const auto checker = table.want("a");
  const HealthTable::TargetId id{ip("127.0.0.1"), 80, ""};
  const auto target = table.add_target(checker, id, 0);
  table.report(checker, target, Event::kTcpFailure, 1);
  const auto again = table.add_target(checker, id, 5);
  EXPECT_EQ(again.id, target.id);
  EXPECT_EQ(table.state(again)->status, Status::kUnhealthy);
  EXPECT_EQ(table.find_target(checker, id).id, target.id);
  EXPECT_FALSE(table.find_target(checker, {ip("127.0.0.1"), 81, ""}));
  EXPECT_FALSE(table.find_target(checker, {ip("127.0.0.1"), 80, "a.test"}));
  EXPECT_FALSE(table.find_target(table.want("b"), id)) << "another upstream's";
}

TEST_F(HealthTableTest, RefToWhatIsGoneSaysSo) {
  const auto checker = table.want("a");
  const auto target = table.add_target(checker, {ip("127.0.0.1"), 80, ""}, 0);
  table.remove_target(checker, target);
  EXPECT_FALSE(table.state(target));
  EXPECT_FALSE(table.report(checker, target, Event::kTcpFailure, 1).counted);
  const auto other = table.add_target(checker, {ip("127.0.0.2"), 80, ""}, 0);
  EXPECT_EQ(other.id, target.id) << "the place is used again";
  EXPECT_FALSE(table.report(checker, target, Event::kTcpFailure, 1).counted);
  EXPECT_EQ(table.state(other)->status, Status::kHealthy);

  table.remove_checker(checker);
  EXPECT_EQ(table.version(checker), 0u);
  EXPECT_FALSE(table.state(other)) << "with its targets";
  EXPECT_FALSE(table.is_wanted(checker));
  const auto next = table.want("a");
  EXPECT_EQ(next.id, checker.id);
  EXPECT_EQ(table.version(checker), 0u);
  EXPECT_NE(table.version(next), 0u);
  EXPECT_TRUE(table.targets(next).empty());
}

TEST_F(HealthTableTest, TargetsAreToldInOrder) {
  const auto checker = table.want("a");
  table.add_target(checker, {ip("127.0.0.2"), 80, ""}, 1);
  table.add_target(checker, {ip("127.0.0.1"), 80, "a.test"}, 0);
  table.add_target(table.want("b"), {ip("127.0.0.9"), 80, ""}, 0);
  auto told = table.targets(checker);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].hostname, "a.test");
  EXPECT_EQ(told[0].ip.to_string(), "127.0.0.1");
  EXPECT_EQ(told[1].hostname, "127.0.0.2");
  table.describe(checker, "foo.com");
  EXPECT_EQ(table.targets(checker)[1].hostname, "foo.com");
}

TEST_F(HealthTableTest, FullTableSaysSo) {
  auto small = std::move(*HealthTable::create("test", 1));
  const auto checker = small.want("a");
  std::size_t added = 0;
  for (int i = 0; i < 10'000; ++i) {
    added +=
        static_cast<bool>(small.add_target(checker, {ip("10.0.0.1"), static_cast<std::uint16_t>(i), ""}, 0));
  }
  EXPECT_EQ(added, small.stats().targets_max);
  EXPECT_EQ(small.stats().targets, added);
  std::size_t checkers = 0;
  for (int i = 0; i < 10'000; ++i) checkers += static_cast<bool>(small.want("more" + std::to_string(i)));
  EXPECT_LT(checkers, 10'000u);
}

TEST_F(HealthTableTest, ManyComeAndGo) {
  const auto checker = table.want("a");
  std::vector<HealthTable::Ref> refs(500);
  for (std::size_t i = 0; i < 20'000; ++i) {
    auto& ref = refs[i % refs.size()];
    if (ref) table.remove_target(checker, ref);
    ref = table.add_target(checker, {ip("10.0.0.1"), static_cast<std::uint16_t>(i), ""}, 0);
    ASSERT_TRUE(ref) << i;
  }
  EXPECT_EQ(table.targets(checker).size(), refs.size());
}

TEST_F(HealthTableTest, DefaultSizeHoldsTenThousandNodes) {
  auto whole = std::move(*HealthTable::create("test", 10 << 20));
  EXPECT_GE(whole.stats().targets_max, 15'000u);
}

TEST_F(HealthTableTest, NewestAgentProbes) {
  table.claim_probing(1);
  EXPECT_TRUE(table.is_prober(1));
  table.claim_probing(2);
  EXPECT_FALSE(table.is_prober(1));
}

TEST_F(HealthTableTest, AnotherBinaryOpensIt) {
  const auto checker = table.want("a");
  table.add_target(checker, {ip("127.0.0.1"), 80, ""}, 0);
  auto again = HealthTable::open(std::move(*Zone::open("test", base::UniqueFd(::dup(table.zone().fd())))));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->targets(again->find_checker("a")).size(), 1u);
}

// Workers that count and an agent that adds and removes are killed in the middle of it.
TEST_F(HealthTableTest, KilledProcessesLeaveItWhole) {
  const auto fixed = table.want("fixed");
  table.add_target(fixed, {ip("127.0.0.1"), 80, ""}, 0);
  for (int round = 0; round < 100; ++round) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (std::uint16_t i = 0;; ++i) {
        const auto checker = table.want("c" + std::to_string(i % 7));
        const auto target = table.add_target(checker, {ip("10.0.0.1"), i, ""}, 0);
        table.report(checker, target, Event::kTcpFailure, 1);
        if (i % 3 == 0) table.remove_checker(checker);
        if (i % 5 == 0) table.remove_target(checker, target);
      }
    }
    ::usleep(static_cast<useconds_t>(500 + round * 7));
    ::kill(pid, SIGKILL);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    ASSERT_EQ(table.targets(table.find_checker("fixed")).size(), 1u) << round;
    std::size_t targets = 1;
    for (int i = 0; i < 7; ++i) {
      const auto checker = table.find_checker("c" + std::to_string(i));
      const auto all = table.targets(checker);
      for (const auto& target : all) {
        ASSERT_EQ(table.find_target(checker, {target.ip, target.port, ""}).id, target.ref.id) << round;
      }
      targets += all.size();
    }
    ASSERT_EQ(table.stats().targets, targets) << round;
  }
}

TEST_F(HealthTableTest, AllTargetsByCheckerAndPlace) {
  const auto first = table.want("/apisix/routes/1");
  const auto second = table.want("/apisix/routes/2");
  const auto gone = table.want("/apisix/routes/3");
  table.add_target(second, {ip("10.0.0.3"), 80, ""}, 0);
  table.add_target(first, {ip("10.0.0.2"), 80, ""}, 1);
  table.add_target(first, {ip("10.0.0.1"), 80, ""}, 0);
  table.add_target(gone, {ip("10.0.0.4"), 80, ""}, 0);
  table.remove_checker(gone);
  std::vector<std::string> seen;
  for (const auto& [name, target] : table.all_targets()) seen.push_back(name + " " + target.ip.to_string());
  EXPECT_EQ(seen, (std::vector<std::string>{"/apisix/routes/1 10.0.0.1", "/apisix/routes/1 10.0.0.2",
                                            "/apisix/routes/2 10.0.0.3"}));
}

TEST_F(HealthTableTest, ThreadsCountEveryEvent) {
  const auto checker = table.want("a");
  const auto target = table.add_target(checker, {ip("127.0.0.1"), 80, ""}, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) table.report(checker, target, Event::kHttpFailure, 201);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(table.state(target)->http_failure, 200);
}

}  // namespace
}  // namespace apisix::memory
