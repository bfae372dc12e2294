#include "shared/memory/master_record.h"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace apisix::memory {
namespace {

TEST(MasterRecord, TellsWhatBecameOfTheLastChange) {
  const auto record = std::make_unique<MasterRecord>();
  EXPECT_EQ(record->change().serial, 0u);
  record->begin_change(ChangeKind::kReload, 5);
  EXPECT_EQ(record->change().state, ChangeState::kUnderWay);
  record->end_change(ChangeState::kFailed, "the port is taken", 6);
  const Change failed = record->change();
  EXPECT_EQ(failed.serial, 1u);
  EXPECT_EQ(failed.kind, ChangeKind::kReload);
  EXPECT_EQ(failed.state, ChangeState::kFailed);
  EXPECT_EQ(failed.why, "the port is taken");
  EXPECT_EQ(failed.at_ms, 6u);
  record->begin_change(ChangeKind::kUpgrade, 7);
  EXPECT_EQ(record->change().serial, 2u);
  EXPECT_EQ(record->change().why, "");
  record->end_change(ChangeState::kFailed, std::string(5000, 'x'), 8);
  EXPECT_EQ(record->change().why, std::string(MasterRecord::kWhyBytesMax, 'x'));
}

TEST(MasterRecord, ReaderNeverSeesHalfOfAChange) {
  const auto record = std::make_unique<MasterRecord>();
  std::atomic<bool> over = false;
  std::thread writer([&] {
    for (int i = 0; i < 20'000; ++i) {
      record->begin_change(ChangeKind::kReload, 1);
      record->end_change(ChangeState::kFailed, std::string(i % 2 == 0 ? "aaaaaaaa" : "bb"), 2);
    }
    over = true;
  });
  while (!over) {
    const Change seen = record->change();
    const bool is_whole = seen.why.empty() || seen.why == "aaaaaaaa" || seen.why == "bb";
    EXPECT_TRUE(is_whole) << seen.why;
    EXPECT_EQ(seen.state == ChangeState::kUnderWay || seen.serial == 0, seen.why.empty());
  }
  writer.join();
}

}  // namespace
}  // namespace apisix::memory
