#include "shared/memory/dictionary.h"

#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace apisix::memory {
namespace {

constexpr std::size_t kBytes = 1 << 20;
constexpr std::uint64_t kNow = 1'000'000;

class DictionaryTest : public testing::Test {
 protected:
  Dictionary dictionary = std::move(*Dictionary::create("test", kBytes));
};

TEST_F(DictionaryTest, IncrMakesAKeyOnceWithItsTimeToLive) {
  const auto first = dictionary.incr("key", 2, {.value = 10, .ttl_ms = 500}, kNow);
  EXPECT_EQ(first.value, 12);
  EXPECT_EQ(first.ttl_left_ms, 500u);
  EXPECT_TRUE(first.is_new);
  const auto second = dictionary.incr("key", -5, {.value = 10, .ttl_ms = 500}, kNow + 100);
  EXPECT_EQ(second.value, 7);
  EXPECT_EQ(second.ttl_left_ms, 400u) << "the time to live is that of the first";
  EXPECT_FALSE(second.is_new);
}

TEST_F(DictionaryTest, ExpiredKeyDoesNotExist) {
  dictionary.set("key", 1, 500, kNow);
  EXPECT_TRUE(dictionary.get("key", kNow + 499));
  EXPECT_FALSE(dictionary.get("key", kNow + 500));
  EXPECT_FALSE(dictionary.incr("key", 1, kNow + 500));
  EXPECT_FALSE(dictionary.remove("key", kNow + 500));
  EXPECT_EQ(dictionary.incr("key", 1, {}, kNow + 500).value, 1) << "starts afresh";
  EXPECT_EQ(dictionary.get("key", kNow + (1ULL << 40))->ttl_left_ms, 0u) << "for ever";
}

TEST_F(DictionaryTest, AddSetExpireRemove) {
  EXPECT_TRUE(dictionary.add("key", 1, 0, kNow));
  EXPECT_FALSE(dictionary.add("key", 2, 0, kNow));
  EXPECT_EQ(dictionary.get("key", kNow)->value, 1);
  EXPECT_TRUE(dictionary.expire("key", 50, kNow));
  EXPECT_EQ(dictionary.get("key", kNow + 10)->ttl_left_ms, 40u);
  dictionary.set("key", 3, 0, kNow);
  EXPECT_EQ(dictionary.get("key", kNow + 1000)->value, 3);
  EXPECT_TRUE(dictionary.remove("key", kNow));
  EXPECT_FALSE(dictionary.remove("key", kNow));
  EXPECT_FALSE(dictionary.expire("key", 50, kNow));
}

TEST_F(DictionaryTest, IncrUpToNeverPassesTheLimit) {
  for (int i = 1; i <= 3; ++i) {
    const auto [entry, granted] = dictionary.incr_up_to("key", 1, 3, {.ttl_ms = 100}, kNow);
    EXPECT_TRUE(granted);
    EXPECT_EQ(entry.value, i);
  }
  const auto [entry, granted] = dictionary.incr_up_to("key", 1, 3, {.ttl_ms = 100}, kNow + 30);
  EXPECT_FALSE(granted);
  EXPECT_EQ(entry.value, 3);
  EXPECT_EQ(entry.ttl_left_ms, 70u);
  EXPECT_FALSE(dictionary.incr_up_to("other", 5, 3, {}, kNow).second);
  EXPECT_FALSE(dictionary.get("other", kNow)) << "a refused key is not made";
}

TEST_F(DictionaryTest, NumbersWrapInsteadOfBreaking) {
  dictionary.set("key", std::numeric_limits<std::int64_t>::max(), 0, kNow);
  EXPECT_EQ(dictionary.incr("key", 1, {}, kNow).value, std::numeric_limits<std::int64_t>::min());
}

TEST_F(DictionaryTest, KeysOfAnyLengthAndContent) {
  const std::string longest(100'000, 'x');
  const std::vector<std::string> keys = {"", std::string(1, '\0'), std::string(2, '\0'), longest,
                                         longest + 'y'};
  for (std::size_t i = 0; i < keys.size(); ++i)
    dictionary.set(keys[i], static_cast<std::int64_t>(i), 0, kNow);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(dictionary.get(keys[i], kNow)->value, static_cast<std::int64_t>(i));
  }
}

TEST_F(DictionaryTest, HoldsManyKeys) {
  const std::size_t keys = dictionary.stats().slots / 2;
  for (std::size_t i = 0; i < keys; ++i) {
    dictionary.set("key" + std::to_string(i), static_cast<std::int64_t>(i), 0, kNow);
  }
  std::size_t missing = 0;
  for (std::size_t i = 0; i < keys; ++i) {
    const auto entry = dictionary.get("key" + std::to_string(i), kNow);
    missing += !entry;
    if (entry) EXPECT_EQ(entry->value, static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(missing, dictionary.stats().evicted);
  EXPECT_LT(missing, keys / 100) << "half full loses next to nothing";
}

TEST_F(DictionaryTest, FullBucketLosesWhatWasUsedLongestAgo) {
  auto small = std::move(*Dictionary::create("test", 1));  // one bucket
  ASSERT_EQ(small.stats().slots, 16u);
  for (int i = 0; i < 16; ++i)
    small.set("key" + std::to_string(i), i, 0, kNow + static_cast<std::uint64_t>(i));
  EXPECT_TRUE(small.get("key0", kNow + 100)) << "used just now";
  small.set("one more", 1, 0, kNow + 101);
  EXPECT_TRUE(small.get("key0", kNow + 102));
  EXPECT_FALSE(small.get("key1", kNow + 102));
  EXPECT_EQ(small.stats().evicted, 1u);
}

TEST_F(DictionaryTest, ExpiredOnesGoFirst) {
  auto small = std::move(*Dictionary::create("test", 1));
  for (int i = 0; i < 16; ++i) {
    small.set("key" + std::to_string(i), i, i == 9 ? 50 : 0, kNow + static_cast<std::uint64_t>(i));
  }
  small.set("one more", 1, 0, kNow + 100);
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(small.get("key" + std::to_string(i), kNow + 100).has_value(), i != 9);
  EXPECT_EQ(small.stats().evicted, 0u);
}

TEST_F(DictionaryTest, FlushEmptiesIt) {
  for (int i = 0; i < 100; ++i) dictionary.set("key" + std::to_string(i), i, 0, kNow);
  dictionary.flush();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(dictionary.get("key" + std::to_string(i), kNow));
}

TEST_F(DictionaryTest, AnotherBinaryOpensItByItsDescriptor) {
  dictionary.set("key", 42, 0, kNow);
  auto zone = Zone::open("test", base::UniqueFd(::dup(dictionary.zone().fd())));
  ASSERT_TRUE(zone);
  auto again = Dictionary::open(std::move(*zone));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->get("key", kNow)->value, 42);
  again->incr("key", 1, {}, kNow);
  EXPECT_EQ(dictionary.get("key", kNow)->value, 43);
}

TEST_F(DictionaryTest, ForeignZoneIsRefused) {
  auto zone = Zone::create("test", kBytes);
  ASSERT_TRUE(zone);
  EXPECT_FALSE(Dictionary::open(std::move(*zone)));
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  EXPECT_FALSE(Zone::open("test", base::UniqueFd(fds[0])));
  ::close(fds[1]);
}

TEST_F(DictionaryTest, ThreadsDoNotLoseAnIncrement) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        dictionary.incr("hot", 1, {}, kNow);
        dictionary.incr("key" + std::to_string((i + t) % 50), 1, {}, kNow);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(dictionary.get("hot", kNow)->value, kThreads * kEach);
  std::int64_t sum = 0;
  for (int i = 0; i < 50; ++i) sum += dictionary.get("key" + std::to_string(i), kNow)->value;
  EXPECT_EQ(sum, kThreads * kEach);
}

}  // namespace
}  // namespace apisix::memory
