// SessionTable: what is found again, what is replaced, and that a slot which is not whole is not found.
#include "shared/memory/session_table.h"

#include <array>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace apisix::memory {
namespace {

class SessionTableTest : public testing::Test {
 protected:
  static std::string id(int number) { return "session " + std::to_string(number); }

  std::string find(const std::string& id, std::uint64_t now_s = 100) {
    std::array<char, SessionTable::kSessionBytesMax> bytes;
    return {bytes.data(), table_.find(id, bytes, now_s)};
  }

  SessionTable table_ = *SessionTable::create("sessions-test", 1 << 20);
};

TEST_F(SessionTableTest, SessionsOfEverySizeAreFoundUntilTheyEnd) {
  for (const std::size_t bytes :
       {1UL, 7UL, 8UL, 200UL, 288UL, 289UL, 3000UL, SessionTable::kSessionBytesMax}) {
    const std::string session(bytes, static_cast<char>('a' + bytes % 26));
    table_.put(id(1), session, 100, 200);
    EXPECT_EQ(find(id(1), 199), session) << bytes;
    EXPECT_EQ(find(id(1), 200), "") << bytes;
    table_.remove(id(1));
    EXPECT_EQ(find(id(1)), "") << bytes;
  }
  table_.put(id(2), std::string(SessionTable::kSessionBytesMax + 1, 'x'), 100, 200);
  EXPECT_EQ(find(id(2)), "");
  table_.put(id(3), "over", 100, 100);
  EXPECT_EQ(find(id(3), 1), "");
}

TEST_F(SessionTableTest, SameIdIsReplaced) {
  table_.put(id(1), "first", 100, 200);
  table_.put(id(1), "second", 100, 200);
  EXPECT_EQ(find(id(1)), "second");
}

TEST_F(SessionTableTest, FullBucketLosesWhatEndsFirst) {
  constexpr int kMany = 20'000;
  for (int i = 0; i < kMany; ++i) table_.put(id(i), "session", 100, 200 + i);
  int newest = 0;
  int oldest = 0;
  for (int i = 0; i < 500; ++i) {
    oldest += find(id(i)).empty() ? 0 : 1;
    newest += find(id(kMany - 1 - i)).empty() ? 0 : 1;
  }
  EXPECT_EQ(oldest, 0);
  EXPECT_EQ(newest, 500);
}

TEST_F(SessionTableTest, HalfWrittenSlotIsNotFoundAndIsWrittenAgain) {
  table_.put(id(1), "the session of a client", 100, 200);
  // Each byte of the zone that belongs to it, changed alone, as when a process died while it wrote.
  auto* const bytes = static_cast<char*>(table_.zone().data());
  int changed = 0;
  for (std::size_t at = 64; at < table_.zone().bytes(); ++at) {
    if (bytes[at] == 0) continue;
    bytes[at] ^= 0x55;
    EXPECT_EQ(find(id(1)), "") << at;
    bytes[at] ^= 0x55;
    ++changed;
  }
  EXPECT_GT(changed, 40);
  EXPECT_EQ(find(id(1)), "the session of a client");
  table_.put(id(1), "another", 100, 200);
  EXPECT_EQ(find(id(1)), "another");
}

TEST_F(SessionTableTest, ANewBinaryFindsWhatItInherits) {
  table_.put(id(1), "session", 100, 200);
  auto zone = Zone::open("sessions-test", base::UniqueFd(::dup(table_.zone().fd())));
  ASSERT_TRUE(zone.has_value());
  auto inherited = SessionTable::open(std::move(*zone));
  ASSERT_TRUE(inherited.has_value());
  std::array<char, SessionTable::kSessionBytesMax> bytes;
  EXPECT_EQ(inherited->find(id(1), bytes, 100), 7u);
}

}  // namespace
}  // namespace apisix::memory
