// TicketKeyTable: keys by age, how many are kept, and that old ones are erased.
#include "shared/memory/ticket_key_table.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace apisix::memory {
namespace {

constexpr std::uint64_t kAgeMs = 1000;

TEST(TicketKeyTableTest, ANewKeyIsMadeWhenTheNewestIsOld) {
  TicketKeyTable table = *TicketKeyTable::create();
  EXPECT_EQ(table.newest(5000, kAgeMs), 1u);
  EXPECT_EQ(table.newest(6000, kAgeMs), 1u);
  EXPECT_EQ(table.newest(6001, kAgeMs), 2u);
  EXPECT_EQ(table.newest(6002, kAgeMs), 2u);
}

TEST(TicketKeyTableTest, LastThreeAreReadAndDiffer) {
  TicketKeyTable table = *TicketKeyTable::create();
  std::set<TicketKeyTable::Key> keys;
  TicketKeyTable::Key key;
  EXPECT_FALSE(table.read(0, key));
  EXPECT_FALSE(table.read(1, key));
  for (std::uint64_t number = 1; number <= 9; ++number) {
    ASSERT_EQ(table.newest(number * 10 * kAgeMs, kAgeMs), number);
    for (std::uint64_t kept = number; kept > 0 && kept + TicketKeyTable::kKept > number; --kept) {
      EXPECT_TRUE(table.read(kept, key));
      keys.insert(key);
    }
    EXPECT_EQ(keys.size(), number);
    if (number > TicketKeyTable::kKept) {
      EXPECT_FALSE(table.read(number - TicketKeyTable::kKept, key));
    }
    EXPECT_FALSE(table.read(number + 1, key));
  }
}

TEST(TicketKeyTableTest, KeyThatIsNotKeptIsErased) {
  TicketKeyTable table = *TicketKeyTable::create();
  TicketKeyTable::Key first;
  table.newest(kAgeMs, kAgeMs);
  ASSERT_TRUE(table.read(1, first));
  const auto is_there = [&] {
    const auto* const begin = static_cast<const unsigned char*>(table.zone().data());
    return std::search(begin, begin + table.zone().bytes(), first.begin(), first.end()) !=
           begin + table.zone().bytes();
  };
  ASSERT_TRUE(is_there());
  for (std::uint64_t number = 2; number <= 4; ++number) table.newest(number * 10 * kAgeMs, kAgeMs);
  EXPECT_FALSE(is_there());
}

}  // namespace
}  // namespace apisix::memory
