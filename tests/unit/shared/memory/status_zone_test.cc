#include "shared/memory/status_zone.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace apisix::memory {
namespace {

TEST(StatusZone, ChildsCountersSurviveItsDeath) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  StatusSlot* slot = zone->claim(ChildRole::kWorker, 3, 1);
  ASSERT_NE(slot, nullptr);
  const pid_t pid = ::fork();
  if (pid == 0) {
    slot->connections.requests.add(41);
    slot->connections.active.add(7);
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(zone->totals().requests, 41u);
  EXPECT_EQ(zone->totals().active, 7u);

  zone->reclaim(*slot);
  EXPECT_EQ(zone->totals().requests, 41u);
  EXPECT_EQ(zone->totals().active, 0u) << "a dead worker has no open connections";
}

TEST(StatusZone, ReclaimedSlotIsClaimedAgainClean) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  StatusSlot* first = zone->claim(ChildRole::kWorker, 0, 1);
  first->pid.store(4711);
  first->applied_revision.set(99);
  first->connections.requests.add(5);
  first->state.store(ChildState::kReady);
  zone->reclaim(*first);
  StatusSlot* second = zone->claim(ChildRole::kAgent, 0, 2);
  EXPECT_EQ(second, first);
  EXPECT_EQ(second->state.load(), ChildState::kStarting);
  EXPECT_EQ(second->pid.load(), 0);
  EXPECT_EQ(second->applied_revision.get(), 0u);
  EXPECT_EQ(second->connections.requests.get(), 0u);
  EXPECT_EQ(zone->totals().requests, 5u);
}

TEST(StatusZone, FullZoneSaysSo) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  for (std::size_t i = 0; i < StatusZone::kSlots; ++i) {
    ASSERT_NE(zone->claim(ChildRole::kWorker, static_cast<std::uint16_t>(i), 1), nullptr);
  }
  EXPECT_EQ(zone->claim(ChildRole::kWorker, 0, 2), nullptr);
}

}  // namespace
}  // namespace apisix::memory
