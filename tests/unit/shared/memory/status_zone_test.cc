#include "shared/memory/status_zone.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace apisix::memory {
namespace {

base::Result<StatusZone> reopened(const Zone& zone) {
  auto again = Zone::open("status", base::UniqueFd(::dup(zone.fd())));
  return again ? StatusZone::open(std::move(*again)) : std::unexpected(again.error());
}

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

TEST(StatusZone, WhoNeitherReadsNorWritesWaits) {
  auto zone = StatusZone::create();
  ConnectionTallies& counts = zone->claim(ChildRole::kWorker, 0, 1)->connections;
  counts.active.add(10);
  counts.reading.add(1);
  counts.writing.add(3);
  EXPECT_EQ(zone->totals().waiting, 6u);
  counts.writing.add(9);  // seen before `active` was
  EXPECT_EQ(zone->totals().waiting, 0u);
}

TEST(StatusZone, ReclaimedSlotIsClaimedAgainClean) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  StatusSlot* first = zone->claim(ChildRole::kWorker, 0, 1);
  first->pid.store(4711);
  first->applied_revision.set(99);
  first->store_away_since_ms.set(5);
  first->connections.requests.add(5);
  first->state.store(ChildState::kReady);
  zone->reclaim(*first);
  StatusSlot* second = zone->claim(ChildRole::kAgent, 0, 2);
  EXPECT_EQ(second, first);
  EXPECT_EQ(second->state.load(), ChildState::kStarting);
  EXPECT_EQ(second->pid.load(), 0);
  EXPECT_EQ(second->applied_revision.get(), 0u);
  EXPECT_EQ(second->store_away_since_ms.get(), 0u) << "or the next worker would be degraded";
  EXPECT_EQ(second->connections.requests.get(), 0u);
  EXPECT_EQ(zone->totals().requests, 5u);
}

// An older binary, which does not know the field, frees a slot without clearing it.
TEST(StatusZone, NewChildHasNotTheIoUringOfTheOneBefore) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  StatusSlot* slot = zone->claim(ChildRole::kWorker, 0, 1);
  slot->io_uring.store(IoUring::kNotToBeHad);
  slot->io_uring_errno.store(1);
  slot->state.store(ChildState::kFree);
  ASSERT_EQ(zone->claim(ChildRole::kWorker, 0, 2), slot);
  EXPECT_EQ(slot->io_uring.load(), IoUring::kUnknown);
  EXPECT_EQ(slot->io_uring_errno.load(), 0);
}

TEST(StatusZone, NewBinaryTakesItOverWithItsNumbers) {
  auto old = StatusZone::create();
  ASSERT_TRUE(old);
  StatusSlot* mine = old->claim(ChildRole::kWorker, 0, 1);
  mine->connections.requests.add(7);
  auto taken = reopened(old->zone());
  ASSERT_TRUE(taken) << taken.error().what;
  EXPECT_EQ(taken->totals().requests, 7u);
  StatusSlot* theirs = taken->claim(ChildRole::kWorker, 0, 2);
  EXPECT_NE(theirs - taken->slots().data(), mine - old->slots().data());
}

TEST(StatusZone, ZoneOfAnotherLayoutIsRefused) {
  auto other = Zone::create("status", 4096);
  ASSERT_TRUE(other);
  EXPECT_FALSE(reopened(*other));
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  const std::uint64_t layout = 1;
  ASSERT_EQ(::pwrite(zone->zone().fd(), &layout, sizeof layout, 0), static_cast<ssize_t>(sizeof layout));
  EXPECT_FALSE(reopened(zone->zone()));
}

TEST(StatusZone, AnotherProcessLooksIntoIt) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  zone->claim(ChildRole::kWorker, 0, 1)->connections.requests.add(3);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const auto seen = StatusZone::attach(::getppid());
    ::_exit(seen && seen->totals().requests == 3 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(StatusZone::attach(0));
}

TEST(StatusZone, SlotsOfTheDeadAreFound) {
  auto zone = StatusZone::create();
  ASSERT_TRUE(zone);
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(dead, nullptr, 0), dead);
  StatusSlot* left = zone->claim(ChildRole::kWorker, 0, 1);
  left->pid.store(dead);
  StatusSlot* living = zone->claim(ChildRole::kWorker, 1, 1);
  living->pid.store(::getpid());
  StatusSlot* about_to_be_forked = zone->claim(ChildRole::kWorker, 2, 1);
  EXPECT_EQ(zone->slots_of_the_dead(), std::vector<StatusSlot*>{left});
  EXPECT_EQ(about_to_be_forked->state.load(), ChildState::kStarting);
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
