#include "privileged-agent/jobs/status_endpoint.h"

#include <gtest/gtest.h>

namespace apisix::agent {
namespace {

using memory::ChildRole;
using memory::ChildState;

class WhyNotReady : public ::testing::Test {
 protected:
  memory::StatusSlot& add(ChildRole role, std::uint16_t index, std::uint32_t generation, ChildState state,
                          std::uint64_t revision) {
    memory::StatusSlot* slot = zone_->claim(role, index, generation);
    slot->state.store(state);
    slot->applied_revision.set(revision);
    return *slot;
  }

  base::Result<memory::StatusZone> zone_ = memory::StatusZone::create();
};

TEST_F(WhyNotReady, AllWorkersServe) {
  add(ChildRole::kWorker, 0, 2, ChildState::kReady, 7);
  add(ChildRole::kWorker, 1, 2, ChildState::kReady, 8);
  EXPECT_EQ(why_not_ready(*zone_, 2, 2), "");
}

TEST_F(WhyNotReady, OthersDoNotCount) {
  add(ChildRole::kWorker, 0, 2, ChildState::kReady, 7);
  add(ChildRole::kWorker, 1, 1, ChildState::kReady, 7);     // of the generation before
  add(ChildRole::kWorker, 1, 2, ChildState::kDraining, 7);  // on its way out
  add(ChildRole::kAgent, 0, 2, ChildState::kReady, 7);
  EXPECT_EQ(why_not_ready(*zone_, 2, 2), "worker count: 2 but status report count: 1");
}

TEST_F(WhyNotReady, AWorkerThatHasNothingToServe) {
  add(ChildRole::kWorker, 0, 1, ChildState::kReady, 7);
  memory::StatusSlot& slot = add(ChildRole::kWorker, 1, 1, ChildState::kReady, 0);
  EXPECT_EQ(why_not_ready(*zone_, 1, 2), "worker id: 1 has not received configuration");
  slot.applied_revision.set(3);
  EXPECT_EQ(why_not_ready(*zone_, 1, 2), "");
}

TEST_F(WhyNotReady, OneThatDied) {
  add(ChildRole::kWorker, 0, 1, ChildState::kReady, 7);
  add(ChildRole::kWorker, 1, 1, ChildState::kGone, 0);
  EXPECT_EQ(why_not_ready(*zone_, 1, 2), "worker count: 2 but status report count: 1");
}

}  // namespace
}  // namespace apisix::agent
