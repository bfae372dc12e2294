#include "shared/memory/script_dict.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <new>
#include <string>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/check.h"

namespace apisix::memory {
namespace {

using Put = ScriptDict::Put;
using Fault = ScriptDict::Fault;

constexpr std::uint64_t kNow = 1'000'000;
constexpr std::size_t kBytes = 64 * 1024;

ScriptDict make(std::size_t bytes = kBytes) {
  auto dict = ScriptDict::create("test-dict", bytes);
  CHECK(dict.has_value());
  return std::move(*dict);
}

ScriptDict::Value text(std::string bytes) {
  return {ScriptDict::Type::kText, std::move(bytes), 0, false};
}

std::string read(ScriptDict& dict, std::string_view key, std::uint64_t now_ms = kNow) {
  const auto value = dict.get(key, now_ms);
  return value ? value->bytes : "(none)";
}

TEST(ScriptDict, KeepsWhatIsPutAndReplacesIt) {
  ScriptDict dict = make();
  EXPECT_EQ(read(dict, "a"), "(none)");
  EXPECT_EQ(dict.put("a", text("1"), 0, kNow, Put::kAlways, true).fault, Fault::kNone);
  EXPECT_EQ(read(dict, "a"), "1");
  const std::string longer(1000, 'x');
  EXPECT_EQ(dict.put("a", text(longer), 0, kNow, Put::kAlways, true).fault, Fault::kNone);
  EXPECT_EQ(read(dict, "a"), longer);
  EXPECT_TRUE(dict.remove("a"));
  EXPECT_FALSE(dict.remove("a"));
  EXPECT_EQ(read(dict, "a"), "(none)");
}

TEST(ScriptDict, FlagsAndTypesComeBack) {
  ScriptDict dict = make();
  dict.put("b", {ScriptDict::Type::kBoolean, std::string(1, '\1'), 7, false}, 0, kNow, Put::kAlways, true);
  const auto value = dict.get("b", kNow);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->type, ScriptDict::Type::kBoolean);
  EXPECT_EQ(value->flags, 7u);
}

TEST(ScriptDict, AnEndedEntryIsMissingAndStale) {
  ScriptDict dict = make();
  dict.put("a", text("1"), kNow + 10, kNow, Put::kAlways, true);
  EXPECT_EQ(dict.ttl("a", kNow), 10u);
  EXPECT_EQ(read(dict, "a", kNow + 9), "1");
  EXPECT_EQ(read(dict, "a", kNow + 10), "(none)");
  const auto stale = dict.get("a", kNow + 10, true);
  ASSERT_TRUE(stale);
  EXPECT_TRUE(stale->is_stale);
  EXPECT_FALSE(dict.ttl("a", kNow + 10));
  EXPECT_EQ(dict.flush_expired(0, kNow + 10), 1u);
  EXPECT_FALSE(dict.get("a", kNow + 10, true));
}

TEST(ScriptDict, AddAndReplaceLookAtWhatIsThere) {
  ScriptDict dict = make();
  EXPECT_EQ(dict.put("a", text("1"), 0, kNow, Put::kIfThere, true).fault, Fault::kNotFound);
  EXPECT_EQ(dict.put("a", text("1"), 0, kNow, Put::kIfMissing, true).fault, Fault::kNone);
  EXPECT_EQ(dict.put("a", text("2"), 0, kNow, Put::kIfMissing, true).fault, Fault::kExists);
  EXPECT_EQ(dict.put("a", text("3"), 0, kNow, Put::kIfThere, true).fault, Fault::kNone);
  EXPECT_EQ(read(dict, "a"), "3");
}

TEST(ScriptDict, NumbersAreIncreased) {
  ScriptDict dict = make();
  double result = 0;
  EXPECT_EQ(dict.increase("n", 1, std::nullopt, 0, kNow, result).fault, Fault::kNotFound);
  EXPECT_EQ(dict.increase("n", 1, 10, 50, kNow, result).fault, Fault::kNone);
  EXPECT_EQ(result, 11);
  EXPECT_EQ(dict.increase("n", -3, 10, 50, kNow, result).fault, Fault::kNone);
  EXPECT_EQ(result, 8);
  EXPECT_EQ(dict.ttl("n", kNow), 50u);
  dict.put("t", text("x"), 0, kNow, Put::kAlways, true);
  EXPECT_EQ(dict.increase("t", 1, 0, 0, kNow, result).fault, Fault::kWrongType);
}

TEST(ScriptDict, ListsAreTakenFromBothEnds) {
  ScriptDict dict = make();
  std::size_t count = 0;
  dict.push("l", text("b"), true, kNow, count);
  dict.push("l", text("a"), true, kNow, count);
  dict.push("l", text("c"), false, kNow, count);
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(dict.length("l", kNow, count).fault, Fault::kNone);
  EXPECT_EQ(count, 3u);
  std::string order;
  for (const bool at_front : {true, false, true}) {
    std::optional<ScriptDict::Value> value;
    dict.pop("l", at_front, kNow, value);
    ASSERT_TRUE(value);
    order += value->bytes;
  }
  EXPECT_EQ(order, "acb");
  EXPECT_FALSE(dict.get("l", kNow));
}

TEST(ScriptDict, AListThatCannotGrowStaysAsItIs) {
  ScriptDict dict = make(ScriptDict::kBytesMin);
  std::size_t count = 0;
  std::size_t kept = 0;
  while (dict.push("l", text(std::string(100, 'e')), false, kNow, count).fault == Fault::kNone) kept = count;
  ASSERT_GT(kept, 4u);
  EXPECT_EQ(dict.length("l", kNow, count).fault, Fault::kNone);
  EXPECT_EQ(count, kept);
}

TEST(ScriptDict, AListThatHasEndedStartsAnew) {
  ScriptDict dict = make(ScriptDict::kBytesMin);
  std::size_t count = 0;
  while (dict.push("l", text(std::string(100, 'e')), false, kNow, count).fault == Fault::kNone) continue;
  ASSERT_TRUE(dict.expire("l", kNow + 1, kNow));
  EXPECT_EQ(dict.push("l", text("a"), false, kNow + 1, count).fault, Fault::kNone);
  EXPECT_EQ(count, 1u);
}

TEST(ScriptDict, TheOldestMakeRoomUnlessTheWriteIsSafe) {
  ScriptDict dict = make(ScriptDict::kBytesMin);
  const std::string value(400, 'v');
  int kept = 0;
  while (dict.put("k" + std::to_string(kept), text(value), 0, kNow, Put::kAlways, false).fault ==
         Fault::kNone)
    ++kept;
  ASSERT_GT(kept, 4);
  EXPECT_EQ(read(dict, "k0"), value);  // used: k1 is the oldest now
  const auto outcome = dict.put("new", text(value), 0, kNow, Put::kAlways, true);
  EXPECT_EQ(outcome.fault, Fault::kNone);
  EXPECT_TRUE(outcome.has_evicted);
  EXPECT_EQ(read(dict, "k0"), value);
  EXPECT_EQ(read(dict, "k1"), "(none)");
  EXPECT_EQ(read(dict, "new"), value);
}

TEST(ScriptDict, WhatHasEndedMakesRoomForASafeWrite) {
  ScriptDict dict = make(ScriptDict::kBytesMin);
  const std::string value(400, 'v');
  int kept = 0;
  while (dict.put("k" + std::to_string(kept), text(value), kNow + 1, kNow, Put::kAlways, false).fault ==
         Fault::kNone) {
    ++kept;
  }
  const auto outcome = dict.put("new", text(value), 0, kNow + 1, Put::kAlways, false);
  EXPECT_EQ(outcome.fault, Fault::kNone);
  EXPECT_FALSE(outcome.has_evicted);
}

TEST(ScriptDict, AValueThatIsTooLongHasNoMemory) {
  ScriptDict dict = make(ScriptDict::kBytesMin);
  EXPECT_EQ(dict.put("a", text(std::string(1 << 20, 'x')), 0, kNow, Put::kAlways, true).fault,
            Fault::kNoMemory);
  EXPECT_EQ(dict.put("a", text("1"), 0, kNow, Put::kAlways, true).fault, Fault::kNone);
}

TEST(ScriptDict, KeysAndFlushAll) {
  ScriptDict dict = make();
  for (int i = 0; i < 5; ++i) dict.put("k" + std::to_string(i), text("v"), 0, kNow, Put::kAlways, true);
  EXPECT_EQ(dict.keys(0, kNow).size(), 5u);
  EXPECT_EQ(dict.keys(2, kNow).size(), 2u);
  dict.flush_all(kNow);
  EXPECT_TRUE(dict.keys(0, kNow).empty());
  EXPECT_TRUE(dict.get("k0", kNow, true));
}

// How far a child got; in shared memory.
struct Progress {
  std::atomic<unsigned> done{0};
};

// Children write and read as fast as they can and are killed at any moment; what is left is a dictionary.
TEST(ScriptDict, SurvivesProcessesThatAreKilled) {
  ScriptDict dict = make(256 * 1024);
  auto* shared = static_cast<Progress*>(
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(shared, MAP_FAILED);
  Progress& progress = *new (shared) Progress;
  for (int round = 0; round < 60; ++round) {
    progress.done.store(0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (unsigned i = 0;; ++i) {
        progress.done.fetch_add(1);
        const std::string key = "k" + std::to_string(i % 97);
        dict.put(key, text(std::string(i % 700, 'x')), 0, kNow, Put::kAlways, true);
        if (i % 5 == 0) dict.remove(key);
      }
    }
    const auto target = static_cast<unsigned>(20 + round * 13);
    while (progress.done.load() < target) ::sched_yield();
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(dict.put("mine", text("still"), 0, kNow, Put::kAlways, true).fault, Fault::kNone);
    ASSERT_EQ(read(dict, "mine"), "still");
    for (const std::string& key : dict.keys(0, kNow)) {
      const auto value = dict.get(key, kNow);
      ASSERT_TRUE(value);
      ASSERT_LE(value->bytes.size(), 700u);
    }
  }
}

TEST(ScriptDict, AnotherBinaryOpensIt) {
  ScriptDict dict = make();
  dict.put("a", text("1"), 0, kNow, Put::kAlways, true);
  auto zone = Zone::open("test-dict", base::UniqueFd(::dup(dict.zone().fd())));
  ASSERT_TRUE(zone);
  auto opened = ScriptDict::open(std::move(*zone));
  ASSERT_TRUE(opened);
  EXPECT_EQ(read(*opened, "a"), "1");
}

}  // namespace
}  // namespace apisix::memory
