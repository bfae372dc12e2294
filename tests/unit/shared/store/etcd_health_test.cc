#include "shared/store/etcd_health.h"

#include <vector>

#include <gmock/gmock.h>

namespace apisix::store {
namespace {

using ::testing::ElementsAre;

class EtcdHealthTest : public ::testing::Test {
 protected:
  EtcdHealthTest() {
    at(1'000);
    health_.emplace(clock_);
    health_->on_change([this](const StoreHealth& state) { changes_.push_back(state.connected); });
  }
  void at(std::uint64_t ms) { clock_.set(ms * 1000, ms * 1000); }

  base::Clock clock_;
  std::optional<EtcdHealth> health_;
  std::vector<bool> changes_;
};

TEST_F(EtcdHealthTest, IsAwayUntilTheFirstReply) {
  EXPECT_THAT(changes_, ElementsAre(false));
  EXPECT_FALSE(health_->state().connected);
  EXPECT_EQ(health_->state().since_ms, 1'000U);
  at(2'000);
  health_->note_reply("a");
  EXPECT_TRUE(health_->state().connected);
  EXPECT_EQ(health_->state().since_ms, 2'000U);
  EXPECT_EQ(health_->state().endpoint, "a");
  EXPECT_EQ(health_->state().error, "");
}

TEST_F(EtcdHealthTest, SinceWhenIsKeptWhileNothingChanges) {
  at(5'000);
  health_->note_no_reply("refused");
  health_->note_no_reply("timed out");
  EXPECT_EQ(health_->state().since_ms, 1'000U);
  EXPECT_EQ(health_->state().error, "timed out");
  at(6'000);
  health_->note_reply("a");
  at(7'000);
  health_->note_reply("b");
  EXPECT_EQ(health_->state().since_ms, 6'000U);
  EXPECT_EQ(health_->state().endpoint, "b");
  EXPECT_THAT(changes_, ElementsAre(false, false, true));
}

TEST_F(EtcdHealthTest, ABrokenWatchIsAwayEvenWhenCallsWork) {
  health_->note_reply("a");
  at(3'000);
  health_->note_watch_broken("closed");
  EXPECT_FALSE(health_->state().connected);
  EXPECT_EQ(health_->state().since_ms, 3'000U);
  health_->note_reply("a");
  EXPECT_FALSE(health_->state().connected);
  at(4'000);
  health_->note_watch_live("b");
  EXPECT_TRUE(health_->state().connected);
  EXPECT_EQ(health_->state().since_ms, 4'000U);
}

}  // namespace
}  // namespace apisix::store
