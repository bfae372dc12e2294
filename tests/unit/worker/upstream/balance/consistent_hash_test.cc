#include "worker/upstream/balance/consistent_hash.h"

#include <set>

#include <gtest/gtest.h>

#include "shared/base/crc32.h"
#include "tests/unit/worker/upstream/balance/fixtures.h"

namespace apisix::upstream {
namespace {

std::vector<PickerEntry> named(const std::vector<std::pair<std::string, std::uint32_t>>& nodes) {
  std::vector<PickerEntry> entries;
  for (const auto& [id, weight] : nodes) {
    PickerEntry entry;
    entry.index = static_cast<NodeIndex>(entries.size());
    entry.weight = weight;
    entry.ring_id = id;
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string picks(ConsistentHash& picker, const std::string& prefix, int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) {
    const std::string key = prefix + std::to_string(i);
    out += static_cast<char>('0' + picker.pick({.hash_key = key}));
  }
  return out;
}

TEST(Crc32, KnownValues) {
  static_assert(base::crc32("123456789") == 0xcbf43926u);
  EXPECT_EQ(base::crc32(""), 0u);
  EXPECT_EQ(base::crc32("6789", base::crc32("12345")), 0xcbf43926u);
}

// The expected strings were computed with lua-resty-balancer's own chash.c.
TEST(ConsistentHash, MapsKeysAsApisixDoes) {
  ConsistentHash weighted(named({{"127.0.0.1:16730", 3}, {"127.0.0.1:16731", 6}, {"127.0.0.1:16732", 10}}));
  EXPECT_EQ(weighted.points(), 19u * 160);
  EXPECT_EQ(picks(weighted, "session-", 1, 121),
            "121222002222222212202110210201112022222222111120022112022211"
            "212121021212221011222222101212111120122122222102222212212000");
  ConsistentHash v6(named({{"[::1]:1980", 100}, {"10.0.0.1:80", 200}}));
  EXPECT_EQ(v6.points(), 3u * 160);
  EXPECT_EQ(picks(v6, "k", 0, 40), "1111011011111010101010001110110111110001");
}

TEST(ConsistentHash, AKeyOnAPointBelongsToThatPoint) {
  ConsistentHash picker(entries_of(std::vector<std::uint32_t>(50, 1)));
  for (NodeIndex i = 0; i < 50; ++i) {
    // The text that the first point of the node is made of.
    const std::string key =
        "10.0.0." + std::to_string(i) + std::string(1, '\0') + "80" + std::string(4, '\0');
    EXPECT_EQ(picker.pick({.hash_key = key}), i);
  }
}

TEST(ConsistentHash, EachNodeGetsAboutItsShare) {
  ConsistentHash picker(entries_of({1, 2, 3, 4, 0}));
  std::map<NodeIndex, int> counts;
  for (int i = 0; i < 100000; ++i) ++counts[picker.pick({.hash_key = "key" + std::to_string(i)})];
  for (NodeIndex i = 0; i < 4; ++i) EXPECT_NEAR(counts[i], 10000.0 * (i + 1), 10000.0 * (i + 1) * 0.15);
  EXPECT_FALSE(counts.contains(4));
}

TEST(ConsistentHash, OnlyKeysOfAnUnusableNodeMove) {
  ConsistentHash picker(entries_of({3, 6, 10}));
  const std::string before = picks(picker, "session-", 0, 2000);
  picker.set_usable(std::vector<std::uint8_t>{0, 1, 1});
  const std::string during = picks(picker, "session-", 0, 2000);
  std::set<char> moved_to;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != '0') EXPECT_EQ(before[i], during[i]);
    if (before[i] == '0') moved_to.insert(during[i]);
  }
  EXPECT_EQ(moved_to, (std::set<char>{'1', '2'}));
  picker.set_usable({});
  EXPECT_EQ(picks(picker, "session-", 0, 2000), before);
}

TEST(ConsistentHash, OnlyKeysOfARemovedNodeMove) {
  const std::vector<std::pair<std::string, std::uint32_t>> all = {
      {"10.0.0.1:80", 1}, {"10.0.0.2:80", 1}, {"10.0.0.3:80", 1}};
  ConsistentHash full(named(all));
  ConsistentHash reduced(named({all[0], all[1]}));
  const std::string before = picks(full, "k", 0, 2000);
  const std::string after = picks(reduced, "k", 0, 2000);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != '2') EXPECT_EQ(before[i], after[i]);
  }
}

TEST(ConsistentHash, RetriesReachEveryNodeOnce) {
  ConsistentHash picker(entries_of({1, 1000, 1, 1, 0}));
  TriedSet tried;
  std::set<NodeIndex> seen;
  for (int i = 0; i < 4; ++i) {
    const NodeIndex index = picker.pick({.hash_key = "k", .tried = &tried});
    ASSERT_NE(index, kNoNode);
    seen.insert(index);
    tried.mark(index);
  }
  EXPECT_EQ(seen, (std::set<NodeIndex>{0, 1, 2, 3}));
  EXPECT_EQ(picker.pick({.hash_key = "k", .tried = &tried}), kNoNode);
}

TEST(ConsistentHash, AllWeightsZeroChoosesNone) {
  ConsistentHash picker(entries_of({0, 0}));
  EXPECT_EQ(picker.pick({.hash_key = "k"}), kNoNode);
  ConsistentHash empty({});
  EXPECT_EQ(empty.pick({.hash_key = "k"}), kNoNode);
}

TEST(ConsistentHash, VeryLargeWeightsAreReduced) {
  ConsistentHash common(entries_of({1000000000, 500000000}));
  EXPECT_EQ(common.points(), 3u * 160);
  ConsistentHash prime(entries_of({1000000007, 1, 0}));
  EXPECT_LE(prime.points(), ConsistentHash::kPointsMax + 160);
  std::map<NodeIndex, int> counts;
  for (int i = 0; i < 20000; ++i) ++counts[prime.pick({.hash_key = "key" + std::to_string(i)})];
  EXPECT_GT(counts[0], 19900);
  EXPECT_FALSE(counts.contains(2));
}

}  // namespace
}  // namespace apisix::upstream
