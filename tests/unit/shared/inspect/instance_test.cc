#include "shared/inspect/instance.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::inspect {
namespace {

using memory::ChildRole;
using memory::ChildState;
using memory::StatusZone;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Verdict = InstanceStatus::Verdict;

constexpr std::uint64_t kNowMs = 1'000'000;

// A zone as a master leaves it: generation 3 serves with two workers and its agent.
struct Instance {
  StatusZone zone = std::move(*StatusZone::create());
  memory::StatusSlot* master = add(ChildRole::kMaster, 0, 3);
  memory::StatusSlot* second = add(ChildRole::kWorker, 1, 3);
  memory::StatusSlot* first = add(ChildRole::kWorker, 0, 3);
  memory::StatusSlot* agent = add(ChildRole::kAgent, 0, 3);

  Instance() {
    zone.master().generation.store(3);
    zone.master().pid.store(100);
    first->applied_revision.set(20);
    first->applied_at_ms.set(kNowMs - 5000);
    second->applied_revision.set(19);
    second->applied_at_ms.set(kNowMs - 9000);
    first->source.store(memory::ConfigSource::kEtcd);
    second->source.store(memory::ConfigSource::kEtcd);
  }
  memory::StatusSlot* add(ChildRole role, std::uint16_t index, std::uint32_t generation,
                          ChildState state = ChildState::kReady) {
    memory::StatusSlot* slot = zone.claim(role, index, generation);
    slot->state.store(state);
    slot->pid.store(100 + static_cast<std::int32_t>(zone.index_of(*slot)));
    slot->started_at_ms.store(kNowMs - 60'000);
    return slot;
  }
  InstanceStatus read() const { return read_instance(zone, kNowMs); }
};

TEST(InstanceStatus, IsReadyWhenAllOfTheServingGenerationAre) {
  Instance instance;
  const InstanceStatus status = instance.read();
  EXPECT_EQ(status.verdict(), Verdict::kReady);
  EXPECT_THAT(status.reasons(), IsEmpty());
  EXPECT_EQ(status.revision(), 19u) << "what all have";
  EXPECT_EQ(status.applied_at_ms(), kNowMs - 5000) << "when the last one had something new";
}

TEST(InstanceStatus, ProcessesAreInOrder) {
  Instance instance;
  instance.add(ChildRole::kWorker, 0, 2, ChildState::kDraining);
  std::vector<std::string> names;
  for (const ProcessStatus& process : instance.read().processes) {
    names.push_back(InstanceStatus::name_of(process) + "/" + std::to_string(process.generation));
  }
  EXPECT_THAT(names, ElementsAre("master/3", "agent/3", "worker 0/3", "worker 1/3", "worker 0/2"));
}

TEST(InstanceStatus, OldAndNewGenerationsDoNotCount) {
  Instance instance;
  instance.add(ChildRole::kWorker, 0, 2, ChildState::kDraining);
  instance.add(ChildRole::kWorker, 0, 4, ChildState::kStarting);
  EXPECT_EQ(instance.read().verdict(), Verdict::kReady);
}

TEST(InstanceStatus, DeadWorkerIsNamed) {
  Instance instance;
  instance.second->state.store(ChildState::kGone);
  EXPECT_EQ(instance.read().verdict(), Verdict::kNotReady);
  EXPECT_THAT(instance.read().reasons(), ElementsAre("worker 1 is Gone"));
  EXPECT_EQ(instance.read().revision(), 20u) << "of those that serve";
}

TEST(InstanceStatus, StoreThatIsAwayDegrades) {
  Instance instance;
  instance.first->store_away_since_ms.set(kNowMs - 3000);
  EXPECT_EQ(instance.read().verdict(), Verdict::kDegraded);
  EXPECT_THAT(instance.read().reasons(),
              ElementsAre("the etcd store is away: what was read last stays in force"));
  instance.agent->state.store(ChildState::kStarting);
  EXPECT_EQ(instance.read().verdict(), Verdict::kNotReady) << "the worse of two";
}

TEST(InstanceStatus, NoWorkerServes) {
  Instance instance;
  instance.first->state.store(ChildState::kDraining);
  instance.second->state.store(ChildState::kDraining);
  EXPECT_THAT(instance.read().reasons(), ElementsAre("no worker serves"));
  instance.master->state.store(ChildState::kDraining);
  EXPECT_THAT(instance.read().reasons(), ElementsAre("no worker serves", "it is leaving"));
  instance.zone.master().generation.store(0);
  EXPECT_THAT(instance.read().reasons(), ElementsAre("it is starting"));
}

TEST(InstanceStatus, JsonHasWhatTheTableHas) {
  Instance instance;
  instance.first->connections.requests.add(7);
  instance.zone.master().begin_change(memory::ChangeKind::kReload, 900);
  instance.zone.master().end_change(memory::ChangeState::kFailed, "no such port", 950);
  const format::Json json = to_json(instance.read());
  EXPECT_EQ(json["status"].asString(), "ready");
  EXPECT_EQ(json["config"]["provider"].asString(), "etcd");
  EXPECT_EQ(json["config"]["revision"].asUInt(), 19u);
  EXPECT_EQ(json["config"]["age_s"].asUInt(), 5u);
  EXPECT_EQ(json["last_change"]["why"].asString(), "no such port");
  EXPECT_EQ(json["requests"].asUInt(), 7u);
  ASSERT_EQ(json["processes"].size(), 4u);
  EXPECT_EQ(json["processes"][2]["role"].asString(), "worker");
  EXPECT_EQ(json["processes"][2]["index"].asUInt(), 0u);
  EXPECT_EQ(json["processes"][2]["revision"].asUInt(), 20u);
  EXPECT_EQ(json["processes"][2]["state"].asString(), "Ready");
  EXPECT_EQ(json["processes"][2]["uptime_s"].asUInt(), 60u);
  EXPECT_TRUE(json["processes"][0]["revision"].isNull()) << "the master has no configuration of its own";
}

TEST(InstanceStatus, CertificatesAreCountedByTheWorkerThatSawMost) {
  Instance instance;
  instance.first->certificates_ended.set(1);
  instance.second->certificates_ending.set(4);
  instance.add(ChildRole::kWorker, 0, 2, ChildState::kDraining)->certificates_ended.set(9);
  const format::Json json = to_json(instance.read());
  EXPECT_EQ(json["certificates"]["ended"].asUInt(), 1u);
  EXPECT_EQ(json["certificates"]["ending_within_30_days"].asUInt(), 4u);
}

TEST(InstanceStatus, WorkersSayWhetherTheyUseIoUring) {
  Instance instance;
  EXPECT_EQ(instance.read().io_uring_text(), "");
  instance.first->io_uring.store(memory::IoUring::kOn);
  instance.second->io_uring.store(memory::IoUring::kOn);
  EXPECT_EQ(instance.read().io_uring_text(), "on");
  instance.second->io_uring.store(memory::IoUring::kNotToBeHad);
  instance.second->io_uring_errno.store(EPERM);
  EXPECT_EQ(instance.read().io_uring_text(), "Operation not permitted, on");
  const format::Json json = to_json(instance.read());
  EXPECT_EQ(json["processes"][2]["io_uring"].asString(), "on");
  EXPECT_EQ(json["processes"][3]["io_uring"].asString(), "Operation not permitted");
  instance.second->io_uring.store(memory::IoUring::kGivenUp);
  EXPECT_EQ(instance.read().io_uring_text(), "given up, on");
}

TEST(InstanceStatus, WorkerWithoutConfigurationHasNoRevision) {
  Instance instance;
  instance.first->applied_revision.set(0);
  const format::Json json = to_json(instance.read());
  EXPECT_TRUE(json["processes"][2]["revision"].isNull());
  EXPECT_TRUE(json["config"]["revision"].isNull());
}

}  // namespace
}  // namespace apisix::inspect
