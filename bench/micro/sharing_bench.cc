// What a worker's writes to shared memory cost alone, and while a process on another core does the same: the
// price of a cache line that two cores write. `line` is the yardstick: one word that both add to. What each
// process has for itself (tallies, traffic, metrics) must cost the same in both columns.
#include <atomic>
#include <csignal>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/memory/dictionary.h"
#include "shared/memory/health_table.h"
#include "shared/memory/lease_table.h"
#include "shared/memory/metric_writer.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/status_zone.h"
#include "shared/memory/traffic.h"
#include "shared/memory/window_table.h"

namespace apisix::memory {
namespace {

constexpr std::size_t kBytes = 10 << 20;
constexpr std::uint64_t kNow = 1'000'000;
constexpr std::string_view kKey = "plugin-limit-countroute/1&1:203.0.113.195";

// --- subjects: made once, before the fork; work(owner) is what one request does.

struct Line {
  Zone zone = std::move(*Zone::create("bench", 4096));
  void work(std::size_t) {
    static_cast<std::atomic<std::uint64_t>*>(zone.data())->fetch_add(1, std::memory_order_relaxed);
  }
};

// One after the other in the zone.
struct Tallies {
  StatusZone zone = std::move(*StatusZone::create());
  StatusSlot* slots[2] = {zone.claim(ChildRole::kWorker, 0, 1), zone.claim(ChildRole::kWorker, 1, 1)};
  void work(std::size_t owner) {
    ConnectionTallies& own = slots[owner]->connections;
    own.requests.add();
    own.writing.add();
    own.writing.subtract();
  }
};

struct Traffic {
  MetricZone zone = std::move(*MetricZone::create("bench", 64 << 20, 2));
  std::unique_ptr<TrafficMeter> meter;  // made by each process
  TrafficPlace place;
  void work(std::size_t owner) {
    if (!meter) meter = std::make_unique<TrafficMeter>(zone, owner);
    meter->count(TrafficKind::kRoute, "1", place, 200, 500);
  }
};

struct Metric {
  MetricZone zone = std::move(*MetricZone::create("bench", 64 << 20, 2));
  std::unique_ptr<MetricWriter> writer;
  FamilyId family = 0;
  void work(std::size_t owner) {
    if (!writer) {
      writer = std::make_unique<MetricWriter>(zone, owner);
      family = *writer->add_family({MetricType::kCounter, "apisix_http_status", "", {}});
    }
    writer->add(family, R"(code="200",route="1")");
  }
};

// A healthy node stays as it is: its word is only read.
struct HealthySuccess {
  HealthTable table = std::move(*HealthTable::create("bench", kBytes));
  HealthTable::Ref checker = table.want("/apisix/routes/1");
  HealthTable::Ref target = table.add_target(checker, {.ip = {}, .port = 80, .node = "a"}, 0);
  void work(std::size_t) {
    benchmark::DoNotOptimize(table.report(checker, target, HealthEvent::kSuccess, 2));
    benchmark::DoNotOptimize(table.version(checker));
  }
};

struct LimitCount {
  Dictionary dictionary = std::move(*Dictionary::create("bench", kBytes));
  void work(std::size_t) { benchmark::DoNotOptimize(dictionary.incr(kKey, 1, {.ttl_ms = 60'000}, kNow)); }
};

// Two clients, whose keys are in two buckets.
struct LimitCountOtherKey {
  Dictionary dictionary = std::move(*Dictionary::create("bench", kBytes));
  const std::string keys[2] = {std::string(kKey) + "1", std::string(kKey) + "2"};
  void work(std::size_t owner) {
    benchmark::DoNotOptimize(dictionary.incr(keys[owner], 1, {.ttl_ms = 60'000}, kNow));
  }
};

// More clients than the zone has room for: each one that comes evicts another, and evictions are counted.
struct LimitCountFull {
  Dictionary dictionary = std::move(*Dictionary::create("bench", 1 << 20));
  std::vector<std::string> keys;
  std::size_t at = 0;
  LimitCountFull() {
    for (int i = 0; i < 100'000; ++i) keys.push_back(std::string(kKey) + std::to_string(i));
    for (const auto& key : keys) dictionary.incr(key, 1, {.ttl_ms = 60'000}, kNow);
  }
  void work(std::size_t owner) {
    at = (at + 7919 + owner) % keys.size();
    benchmark::DoNotOptimize(dictionary.incr(keys[at], 1, {.ttl_ms = 60'000}, kNow));
  }
};

struct SlidingWindow {
  WindowTable windows = std::move(*WindowTable::create("bench", kBytes));
  void work(std::size_t) { benchmark::DoNotOptimize(windows.take(kKey, 1, 1LL << 60, 60'000, kNow)); }
};

struct LimitReq {
  RateTable rates = std::move(*RateTable::create("bench", kBytes));
  void work(std::size_t) { benchmark::DoNotOptimize(rates.take(kKey, 1e6, 1e18, true, kNow)); }
};

struct LimitConn {
  LeaseTable leases = std::move(*LeaseTable::create("bench", kBytes, 64));
  void work(std::size_t owner) {
    auto taken = leases.acquire(kKey, 1000, owner, kNow);
    leases.release(taken.lease, owner);
  }
};

// --- how they are run

void pin_to(int which) {
  cpu_set_t all;
  ::sched_getaffinity(0, sizeof all, &all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all) || which-- > 0) continue;
    CPU_ZERO(&all);
    CPU_SET(cpu, &all);
    ::sched_setaffinity(0, sizeof all, &all);
    return;
  }
}

template <typename Subject>
void measure(benchmark::State& state, Subject& subject) {
  subject.work(0);
  for (auto _ : state) subject.work(0);
}

template <typename Subject>
void alone(benchmark::State& state) {
  Subject subject;
  measure(state, subject);
}

// Beside a process on the second core that does the same without a pause.
template <typename Subject>
void shared(benchmark::State& state) {
  Subject subject;
  cpu_set_t before;
  ::sched_getaffinity(0, sizeof before, &before);
  if (CPU_COUNT(&before) < 2) return state.SkipWithError("needs two cores");
  const pid_t other = ::fork();
  if (other == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(1);
    for (;;) subject.work(1);
  }
  pin_to(0);
  ::usleep(10'000);
  measure(state, subject);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  ::sched_setaffinity(0, sizeof before, &before);
}

template <typename Subject>
void both(const std::string& name) {
  benchmark::RegisterBenchmark((name + "/alone").c_str(), alone<Subject>);
  benchmark::RegisterBenchmark((name + "/shared").c_str(), shared<Subject>);
}

const bool registered = [] {
  both<Line>("line");
  both<Tallies>("tallies");
  both<Traffic>("traffic");
  both<Metric>("metric");
  both<HealthySuccess>("healthy_success");
  both<LimitCountOtherKey>("limit_count_other_key");
  both<LimitCount>("limit_count");
  both<LimitCountFull>("limit_count_full");
  both<SlidingWindow>("limit_count_sliding");
  both<LimitReq>("limit_req");
  both<LimitConn>("limit_conn");
  return true;
}();

}  // namespace
}  // namespace apisix::memory
