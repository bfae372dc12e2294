#include "shared/store/follower.h"

#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/shared/store/scripted_store.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

class FollowerTest : public ::testing::Test {
 protected:
  // What a test does not read is not recorded.
  Follower::Callbacks recording() {
    return {.on_list =
                [this](const ListReply& list) {
                  seen_ += fmt::format("list@{}:{} ", list.revision, list.items.size());
                  if (on_list_) std::exchange(on_list_, {})();
                },
            .on_batch =
                [this](const EventBatch& batch) {
                  seen_ += fmt::format("batch@{} ", batch.revision);
                  if (on_batch_) std::exchange(on_batch_, {})();
                },
            .on_progress = [this](Revision revision) { seen_ += fmt::format("progress@{} ", revision); },
            .on_lost = [this](const base::Error& error) { seen_ += "lost:" + error.what + ' '; },
            .on_unreachable = [this](const base::Error& error) { seen_ += "away:" + error.what + ' '; }};
  }
  Follower& follow(Follower::Delays delays = {.retry_ms = 1, .retry_ms_max = 2}) {
    return follower_.emplace(loop_, store_, "/apisix/", recording(), delays);
  }
  static ListReply at(Revision revision, std::size_t items = 0) {
    ListReply out;
    out.items.resize(items);
    out.revision = revision;
    return out;
  }
  bool watched() {
    return turn_until(loop_, [this] { return store_.is_watched(); });
  }

  event::Loop loop_;
  ScriptedStore store_{loop_};
  std::optional<Follower> follower_;
  std::string seen_;
  std::function<void()> on_list_;
  std::function<void()> on_batch_;
};

TEST_F(FollowerTest, WatchesFromTheRevisionBehindTheList) {
  store_.will_list(at(7, 2));
  follow().start();
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.watched_from(), 8);
  EXPECT_EQ(store_.watched_prefix(), "/apisix/");
  store_.deliver(8);
  store_.progress(9);
  EXPECT_EQ(seen_, "list@7:2 batch@8 progress@9 ");
}

TEST_F(FollowerTest, AFailedListIsTriedAgainAndReportedOncePerText) {
  for (const char* what : {"down", "down", "busy", "down"}) store_.will_fail(what);
  store_.will_list(at(3));
  follow().start();
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.lists(), 5);
  EXPECT_EQ(seen_, "away:down away:busy away:down list@3:0 ");
}

TEST_F(FollowerTest, ALostWatchIsReportedAndEverythingIsListedAgain) {
  store_.will_list(at(3));
  follow().start();
  ASSERT_TRUE(watched());
  store_.lose("compacted");
  EXPECT_FALSE(store_.is_watched()) << "the old watch is gone before the list is asked for";
  store_.will_list(at(20, 1));
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.watched_from(), 21);
  EXPECT_EQ(seen_, "list@3:0 lost:compacted list@20:1 ");
}

TEST_F(FollowerTest, AStoreThatCountsFromALowerRevisionIsFollowedFromThere) {
  store_.will_list(at(300));
  follow().start();
  ASSERT_TRUE(watched());
  store_.lose("lower revision");
  store_.will_list(at(2));
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.watched_from(), 3);
}

TEST_F(FollowerTest, StartOnceGivesTheErrorAndDoesNotTryAgain) {
  store_.will_fail("down");
  const auto status = wait_for(loop_, follow().start_once());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().what, "down");
  for (int turn = 0; turn < 5; ++turn) loop_.run_once(2);
  EXPECT_EQ(store_.lists(), 1);
  EXPECT_FALSE(follower_->is_watching());
  EXPECT_EQ(seen_, "");
}

TEST_F(FollowerTest, StartOnceWatchesWhenTheListIsThere) {
  store_.will_list(at(4));
  EXPECT_TRUE(wait_for(loop_, follow().start_once()));
  EXPECT_TRUE(follower_->is_watching());
  EXPECT_EQ(store_.watched_from(), 5);
}

TEST_F(FollowerTest, AListAskedForByABatchReplacesTheWatch) {
  store_.will_list(at(3));
  follow().start();
  ASSERT_TRUE(watched());
  on_batch_ = [this] { follower_->list_again(); };
  store_.deliver(4);
  EXPECT_FALSE(follower_->is_watching());
  store_.will_list(at(4));
  ASSERT_TRUE(watched());
  EXPECT_EQ(seen_, "list@3:0 batch@4 list@4:0 ");
}

TEST_F(FollowerTest, AListAskedForDuringAListBeginsAfterIt) {
  on_list_ = [this] { follower_->list_again(); };
  store_.will_list(at(3));
  store_.will_list(at(5));
  follow().start();
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.lists(), 2);
  EXPECT_EQ(store_.watches(), 1) << "nothing is watched before the second list";
  EXPECT_EQ(seen_, "list@3:0 list@5:0 ");
}

TEST_F(FollowerTest, ManyRequestsWhileAListIsUnderWayCostOneMore) {
  follow().start();
  for (int times = 0; times < 3; ++times) follower_->list_again();
  store_.will_list(at(3));
  store_.will_list(at(3));
  ASSERT_TRUE(watched());
  EXPECT_EQ(store_.lists(), 2);
}

TEST_F(FollowerTest, DestroyedWhileAListIsUnderWayItCallsNothing) {
  follow().start();
  EXPECT_EQ(store_.lists(), 1);
  follower_.reset();
  store_.will_list(at(3));
  for (int turn = 0; turn < 3; ++turn) loop_.run_once(0);
  EXPECT_EQ(seen_, "");
}

TEST_F(FollowerTest, TheFirstListWaitsForItsDelay) {
  store_.will_list(at(3));
  follow({.before_list_ms = 20, .retry_ms = 1, .retry_ms_max = 2}).start();
  const std::uint64_t begin_us = base::monotonic_now_us();
  EXPECT_EQ(store_.lists(), 0);
  ASSERT_TRUE(watched());
  EXPECT_GE(base::monotonic_now_us() - begin_us, 15'000U);
}

TEST_F(FollowerTest, CallbacksThatNeedNotBeThereMayBeMissing) {
  store_.will_fail("down");
  store_.will_list(at(3));
  follower_.emplace(
      loop_, store_, "/apisix/",
      Follower::Callbacks{.on_list = [](const ListReply&) {}, .on_batch = [](const EventBatch&) {}},
      Follower::Delays{.retry_ms = 1, .retry_ms_max = 2});
  follower_->start();
  ASSERT_TRUE(watched());
  store_.progress(4);
  store_.lose("compacted");
  store_.will_list(at(5));
  EXPECT_TRUE(watched());
}

}  // namespace
}  // namespace apisix::store
