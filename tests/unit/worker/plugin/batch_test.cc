// Batches of log entries: when they leave, what is tried again, what is dropped. Time is moved by hand.
#include "worker/plugin/batch.h"

#include <gtest/gtest.h>

#include "tests/fakes/moved_clock.h"

namespace apisix::plugin {
namespace {

using Sent = std::vector<std::vector<std::string>>;

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    options_.inactive_timeout_ms = 5000;
    options_.buffer_duration_ms = 60'000;
    options_.retry_delay_ms = 1000;
    options_.batch_max_size = 3;
  }

  Batch& batch() {
    return registry_.batch("key", options_,
                           [this](const std::vector<std::string>& entries) { return send(entries); });
  }
  async::Task<base::Status> send(const std::vector<std::string>& entries) {
    sent_.push_back(entries);
    if (failures_ > 0) {
      --failures_;
      co_return base::invalid("the collector is away");
    }
    co_return base::Status{};
  }
  void add(const std::string& entry) { EXPECT_TRUE(batch().add(entry)); }
  // Logs that were written meanwhile.
  template <typename Action>
  static std::string said(Action action) {
    ::testing::internal::CaptureStderr();
    action();
    return ::testing::internal::GetCapturedStderr();
  }

  event::Loop loop_;
  MovedClock clock_{loop_};
  BatchOptions options_;
  int failures_ = 0;  // of the next sends
  Sent sent_;
  BatchRegistry registry_{loop_};
};

// --- when a batch leaves

TEST_F(BatchTest, AFullBatchLeavesAtOnce) {
  add("a");
  add("b");
  EXPECT_EQ(sent_, Sent{});
  add("c");
  clock_.pass_ms(0);
  EXPECT_EQ(sent_, (Sent{{"a", "b", "c"}}));
  EXPECT_EQ(registry_.sent_total(), 3u);
  EXPECT_EQ(registry_.pending(), 0u);
}

TEST_F(BatchTest, APartOfABatchLeavesWhenNothingCameForTheInactiveTimeout) {
  add("a");
  clock_.pass_ms(4990);
  EXPECT_EQ(sent_, Sent{});
  clock_.pass_ms(20);
  EXPECT_EQ(sent_, (Sent{{"a"}}));
}

TEST_F(BatchTest, EveryEntryBeginsTheInactiveTimeoutAnew) {
  options_.batch_max_size = 100;
  add("a");
  clock_.pass_ms(4000);
  add("b");
  clock_.pass_ms(4000);
  EXPECT_EQ(sent_, Sent{});
  clock_.pass_ms(1010);
  EXPECT_EQ(sent_, (Sent{{"a", "b"}}));
}

TEST_F(BatchTest, TheOldestEntryWaitsAtMostTheBufferDuration) {
  options_.batch_max_size = 1000;
  options_.buffer_duration_ms = 10'000;
  for (int i = 0; i < 10; ++i) {
    add("a");
    clock_.pass_ms(990);
  }
  EXPECT_EQ(sent_, Sent{});
  add("a");
  clock_.pass_ms(110);
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].size(), 11u);
}

TEST_F(BatchTest, TheTimesOfANextBatchAreItsOwn) {
  add("a");
  clock_.pass_ms(5010);
  add("b");
  clock_.pass_ms(4980);
  EXPECT_EQ(sent_, (Sent{{"a"}}));
  clock_.pass_ms(40);
  EXPECT_EQ(sent_, (Sent{{"a"}, {"b"}}));
}

TEST_F(BatchTest, AFlushSendsWhatIsThereAndNoTimerSendsItAgain) {
  add("a");
  batch().flush();
  clock_.pass_ms(100'000);
  EXPECT_EQ(sent_, (Sent{{"a"}}));
}

TEST_F(BatchTest, AFlushOfAnEmptyBatchSendsNothing) {
  batch().flush();
  clock_.pass_ms(100'000);
  EXPECT_EQ(sent_, Sent{});
}

// --- when sending fails

TEST_F(BatchTest, AFailedBatchIsSentAgainBehindTheRetryDelay) {
  options_.max_retry_count = 1;
  failures_ = 1;
  const std::string log = said([this] {
    for (const char* entry : {"a", "b", "c"}) add(entry);
    clock_.pass_ms(990);
    EXPECT_EQ(sent_.size(), 1u);
    clock_.pass_ms(20);
  });
  EXPECT_EQ(sent_, (Sent{{"a", "b", "c"}, {"a", "b", "c"}}));
  EXPECT_EQ(registry_.sent_total(), 3u);
  EXPECT_EQ(registry_.dropped_total(), 0u);
  EXPECT_NE(log.find("Batch Processor[log buffer] failed to process entries: the collector is away"),
            std::string::npos)
      << log;
}

// APISIX counts the first try as a retry in its message.
TEST_F(BatchTest, ABatchThatFailsTooOftenIsDroppedAndCounted) {
  options_.max_retry_count = 2;
  failures_ = 3;
  const std::string log = said([this] {
    for (const char* entry : {"a", "b", "c"}) add(entry);
    clock_.pass_ms(10'000);
  });
  EXPECT_EQ(sent_.size(), 3u);
  EXPECT_EQ(registry_.sent_total(), 0u);
  EXPECT_EQ(registry_.dropped_total(), 3u);
  EXPECT_EQ(registry_.pending(), 0u);
  EXPECT_EQ(registry_.pending_bytes(), 0u);
  EXPECT_NE(log.find("exceeded the max_retry_count[3] dropping the entries"), std::string::npos) << log;
}

TEST_F(BatchTest, EntriesThatWaitForARetryArePending) {
  options_.max_retry_count = 1;
  failures_ = 1;
  said([this] {
    for (const char* entry : {"a", "bb", "c"}) add(entry);
    clock_.pass_ms(0);
  });
  EXPECT_EQ(registry_.pending(), 3u);
  EXPECT_EQ(registry_.pending_bytes(), 4u);
  EXPECT_EQ(batch().pending(), 3u);
  clock_.pass_ms(2000);
  EXPECT_EQ(registry_.pending(), 0u);
}

TEST_F(BatchTest, ABatchThatWaitsForARetryHoldsNoOtherUp) {
  options_.max_retry_count = 1;
  failures_ = 1;
  said([this] {
    for (const char* entry : {"a", "b", "c", "d", "e", "f"}) add(entry);
    clock_.pass_ms(0);
  });
  EXPECT_EQ(sent_, (Sent{{"a", "b", "c"}, {"d", "e", "f"}}));
  EXPECT_EQ(registry_.sent_total(), 3u);
}

// --- bounds

TEST_F(BatchTest, AnEntryBeyondTheLimitIsDroppedAndCounted) {
  registry_.set_limit(2);
  const std::string log = said([this] {
    add("a");
    add("b");
    EXPECT_FALSE(batch().add("c"));
  });
  EXPECT_EQ(registry_.pending(), 2u);
  EXPECT_EQ(registry_.dropped_total(), 1u);
  EXPECT_NE(log.find("pending: 2 max_pending_entries: 2 discarded_entries: 1"), std::string::npos) << log;
}

TEST_F(BatchTest, DropsAreSaidOnceInASecondWithTheirNumber) {
  registry_.set_limit(0);
  const std::string first = said([this] {
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(batch().add("a"));
  });
  EXPECT_NE(first.find("discarded_entries: 1\n"), std::string::npos) << first;
  EXPECT_EQ(first.find("discarded_entries"), first.rfind("discarded_entries")) << first;
  clock_.pass_ms(1000);
  const std::string second = said([this] { EXPECT_FALSE(batch().add("a")); });
  EXPECT_NE(second.find("discarded_entries: 5\n"), std::string::npos) << second;
  EXPECT_EQ(registry_.dropped_total(), 6u);
}

TEST_F(BatchTest, RoomThatWasGivenBackIsTakenAgain) {
  registry_.set_limit(1);
  add("a");
  batch().flush();
  clock_.pass_ms(0);
  add("b");
  EXPECT_EQ(registry_.pending(), 1u);
}

TEST_F(BatchTest, TheLimitIsOfAllBatchesOfTheWorker) {
  registry_.set_limit(1);
  add("a");
  Batch& other = registry_.batch("other", options_,
                                 [this](const std::vector<std::string>& entries) { return send(entries); });
  const std::string log = said([&other] { EXPECT_FALSE(other.add("b")); });
  EXPECT_NE(log.find("discarded_entries: 1"), std::string::npos) << log;
}

// --- the end of the worker

TEST_F(BatchTest, FlushAllSendsEveryBatch) {
  add("a");
  registry_
      .batch("other", options_, [this](const std::vector<std::string>& entries) { return send(entries); })
      .add("b");
  registry_.flush_all();
  clock_.pass_ms(0);
  EXPECT_EQ(sent_, (Sent{{"a"}, {"b"}}));
  EXPECT_EQ(registry_.pending(), 0u);
}

TEST_F(BatchTest, BehindFlushAllEveryEntryLeavesAtOnce) {
  registry_.flush_all();
  add("a");
  clock_.pass_ms(0);
  EXPECT_EQ(sent_, (Sent{{"a"}}));
}

TEST_F(BatchTest, BehindFlushAllARetryDoesNotWait) {
  options_.max_retry_count = 2;
  failures_ = 2;
  said([this] {
    add("a");
    registry_.flush_all();
    clock_.pass_ms(0);
  });
  EXPECT_EQ(sent_.size(), 3u);
  EXPECT_EQ(registry_.sent_total(), 1u);
}

TEST_F(BatchTest, ABookThatIsDestroyedForgetsRetriesThatWait) {
  options_.max_retry_count = 5;
  failures_ = 1;
  auto registry = std::make_unique<BatchRegistry>(loop_);
  said([this, &registry] {
    const auto to_collector = [this](const std::vector<std::string>& entries) { return send(entries); };
    registry->batch("key", options_, to_collector).add("a");
    registry->batch("key", options_, to_collector).flush();
    clock_.pass_ms(500);
  });
  EXPECT_EQ(registry->pending(), 1u);
  registry.reset();
  clock_.pass_ms(10'000);
  EXPECT_EQ(sent_.size(), 1u);
}

// --- which batch is whose

TEST_F(BatchTest, OneKeyHasOneBatch) {
  EXPECT_EQ(&batch(), &batch());
  EXPECT_NE(&batch(), &registry_.batch("other", options_, nullptr));
}

TEST_F(BatchTest, EmptyBatchesMakeRoomForOthers) {
  add("kept");
  for (int i = 0; i < 300; ++i) registry_.batch("conf " + std::to_string(i), options_, nullptr);
  EXPECT_LT(registry_.batches().size(), 300u);
  EXPECT_EQ(registry_.batches().count("key"), 1u);  // an entry waits in it
}

// --- options

TEST(BatchOptions, AreReadInSecondsAndKeptInMilliseconds) {
  const auto conf = format::parse_json(
      R"({"name":"n","max_retry_count":4,"retry_delay":2,"buffer_duration":3,"inactive_timeout":5,"batch_max_size":6})");
  const BatchOptions options = BatchOptions::from(*conf);
  EXPECT_EQ(options.name, "n");
  EXPECT_EQ(options.max_retry_count, 4u);
  EXPECT_EQ(options.retry_delay_ms, 2000u);
  EXPECT_EQ(options.buffer_duration_ms, 3000u);
  EXPECT_EQ(options.inactive_timeout_ms, 5000u);
  EXPECT_EQ(options.batch_max_size, 6u);
}

// APISIX's batch processor.
TEST(BatchOptions, HaveApisixsDefaults) {
  const BatchOptions options = BatchOptions::from(*format::parse_json("{}"));
  EXPECT_EQ(options.name, "log buffer");
  EXPECT_EQ(options.max_retry_count, 0u);
  EXPECT_EQ(options.retry_delay_ms, 1000u);
  EXPECT_EQ(options.buffer_duration_ms, 60'000u);
  EXPECT_EQ(options.inactive_timeout_ms, 5000u);
  EXPECT_EQ(options.batch_max_size, 1000u);
}

TEST(BatchOptions, LargerTimesThanAnyClockAreCut) {
  const BatchOptions options = BatchOptions::from(
      *format::parse_json(R"({"buffer_duration":1e18,"inactive_timeout":9223372036854775807})"));
  EXPECT_EQ(options.buffer_duration_ms, 1'000'000'000'000u);
  EXPECT_EQ(options.inactive_timeout_ms, 1'000'000'000'000u);
}

}  // namespace
}  // namespace apisix::plugin
