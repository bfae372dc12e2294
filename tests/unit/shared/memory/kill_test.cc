// Processes that are killed in the middle of whatever they do, again and again: what they leave must be right
// and usable. Each round forks some that hammer one zone and kills them after a few thousand operations.
#include <atomic>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/memory/dictionary.h"
#include "shared/memory/lease_table.h"
#include "shared/memory/metric_writer.h"
#include "shared/memory/metric_zone.h"

namespace apisix::memory {
namespace {

constexpr int kProcesses = 4;
constexpr std::uint64_t kNow = 1'000'000;

// Counters that the parent reads, one line per process.
struct alignas(64) Progress {
  std::atomic<std::int64_t> begun;
  std::atomic<std::int64_t> done;
};
Progress* make_progress() {
  void* memory = ::mmap(nullptr, sizeof(Progress) * kProcesses, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<Progress*>(memory);
}

void wait_for_progress(const Progress& progress, std::int64_t by) {
  const std::int64_t target = progress.done.load() + by;
  while (progress.done.load() < target) ::usleep(50);
}

// Runs `body(process)` for ever in each process; kills them one by one when each has gone on by `operations`.
void hammer(
    Progress* progress, std::int64_t operations, const std::function<void(int)>& body,
    const std::function<void(int)>& reaped = [](int) {}) {
  std::vector<pid_t> pids;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (;;) {
        progress[p].begun.fetch_add(1);
        body(p);
        progress[p].done.fetch_add(1);
      }
    }
    pids.push_back(pid);
  }
  for (int p = 0; p < kProcesses; ++p) {
    wait_for_progress(progress[p], operations);
    ::kill(pids[static_cast<std::size_t>(p)], SIGKILL);
    ASSERT_EQ(::waitpid(pids[static_cast<std::size_t>(p)], nullptr, 0), pids[static_cast<std::size_t>(p)]);
    reaped(p);
  }
}

TEST(Kill, CountersAreRightAndNothingIsStuck) {
  auto dictionary = std::move(*Dictionary::create("test", 1 << 16));
  Progress* progress = make_progress();
  for (int round = 0; round < 60; ++round) {
    hammer(progress, 300, [&](int) { dictionary.incr("hot", 1, {}, kNow); });
  }
  std::int64_t begun = 0;
  std::int64_t done = 0;
  for (int p = 0; p < kProcesses; ++p) {
    begun += progress[p].begun.load();
    done += progress[p].done.load();
  }
  const std::int64_t counted = dictionary.get("hot", kNow)->value;
  EXPECT_GE(counted, done);
  EXPECT_LE(counted, begun) << "of each killed process at most one was not finished";
  EXPECT_LE(begun - done, 60 * kProcesses);
  EXPECT_GT(dictionary.stats().recovered, 0u) << "no kill hit a locked bucket: this test shows nothing";
}

// One bucket and more keys than it holds: every operation evicts, makes or expires.
TEST(Kill, EvictionAndExpiryLeaveWholeSlots) {
  auto dictionary = std::move(*Dictionary::create("test", 1));
  Progress* progress = make_progress();
  for (int round = 0; round < 60; ++round) {
    hammer(progress, 300, [&](int p) {
      const std::int64_t n = progress[p].begun.load() + p;
      const std::string key = std::to_string(n % 24);
      const auto now = kNow + static_cast<std::uint64_t>(n);
      switch (n % 5) {
        case 0:
          dictionary.set(key, n % 24, 3, now);
          break;
        case 1:
          dictionary.remove(key, now);
          break;
        case 2:
          dictionary.expire(key, 1000, now);
          break;
        default:
          dictionary.add(key, n % 24, 0, now);
      }
    });
    for (int i = 0; i < 24; ++i) {
      const auto entry = dictionary.get(std::to_string(i), kNow);
      if (entry) ASSERT_EQ(entry->value, i) << "a value of another key";
    }
  }
  dictionary.set("key", 7, 0, kNow);
  EXPECT_EQ(dictionary.get("key", kNow)->value, 7);
}

TEST(Kill, ExactlyTheLimitIsGranted) {
  auto dictionary = std::move(*Dictionary::create("test", 1 << 20));
  constexpr std::int64_t kLimit = 1000;
  for (int round = 0; round < 20; ++round) {
    const std::string key = "client" + std::to_string(round);
    Progress* granted = make_progress();
    std::vector<pid_t> pids;
    for (int p = 0; p < kProcesses; ++p) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        for (int i = 0; i < kLimit; ++i) {
          granted[p].done.fetch_add(dictionary.incr(key, 1, {.ttl_ms = 60'000}, kNow).value <= kLimit);
        }
        ::_exit(0);
      }
      pids.push_back(pid);
    }
    for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
    std::int64_t sum = 0;
    for (int p = 0; p < kProcesses; ++p) sum += granted[p].done.load();
    EXPECT_EQ(sum, kLimit);
    ::munmap(granted, sizeof(Progress) * kProcesses);
  }
}

TEST(Kill, LeasesOfTheDeadComeBack) {
  auto leases = std::move(*LeaseTable::create("test", 1, 8));  // one bucket: all keys share a lock
  Progress* progress = make_progress();
  const std::vector<std::string> keys = {"a", "b", "c"};
  const auto held = leases.acquire("a", 100, 7, kNow);  // of a process that lives
  for (int round = 0; round < 60; ++round) {
    hammer(
        progress, 300,
        [&](int p) {
          const auto owner = static_cast<std::size_t>(p);
          const std::string& key = keys[static_cast<std::size_t>(progress[p].begun.load()) % keys.size()];
          auto first = leases.acquire(key, 100, owner, kNow);
          auto second = leases.acquire("a", 100, owner, kNow);
          leases.release(first.lease, owner);
          leases.release(second.lease, owner);
        },
        [&](int p) { leases.return_all(static_cast<std::size_t>(p)); });
    ASSERT_EQ(leases.in_use("a", kNow), 1u) << "round " << round;
    ASSERT_EQ(leases.in_use("b", kNow), 0u) << "round " << round;
    ASSERT_EQ(leases.in_use("c", kNow), 0u) << "round " << round;
  }
  auto lease = held.lease;
  leases.release(lease, 7);
  EXPECT_EQ(leases.in_use("a", kNow), 0u);
}

TEST(Kill, MetricsStayWholeAndKeepTheCountsOfTheDead) {
  auto zone = std::move(*MetricZone::create("test", 1 << 20, 4));
  auto family = zone.add_family({MetricType::kCounter, "requests_total", "Requests.", {}});
  ASSERT_TRUE(family);
  Progress* progress = make_progress();
  for (int round = 0; round < 30; ++round) {
    hammer(
        progress, 300,
        [&](int p) {
          static MetricWriter* writer = nullptr;
          if (writer == nullptr) {
            writer = new MetricWriter(zone, static_cast<std::size_t>(p));
            writer->add_family(zone.family(*family)).value();
          }
          // Many series, so that some are just being made.
          const auto n = progress[p].begun.load() % 2000;
          writer->add(*family, "n=\"" + std::to_string(n) + '"');
        },
        [&](int p) { zone.reclaim(static_cast<std::size_t>(p)); });
  }
  double sum = 0;
  for (const double value : zone.read().values) sum += value;
  std::int64_t begun = 0;
  std::int64_t done = 0;
  for (int p = 0; p < kProcesses; ++p) {
    begun += progress[p].begun.load();
    done += progress[p].done.load();
  }
  EXPECT_GE(sum, static_cast<double>(done));
  EXPECT_LE(sum, static_cast<double>(begun));
}

}  // namespace
}  // namespace apisix::memory
