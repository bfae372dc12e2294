// Shared memory: what a limit or a counter costs a request, alone and with other processes at the same key.
#include <atomic>
#include <csignal>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/memory/dictionary.h"
#include "shared/memory/lease_table.h"
#include "shared/memory/metric_text.h"
#include "shared/memory/metric_writer.h"
#include "shared/memory/rate_table.h"
#include "shared/memory/traffic.h"

namespace apisix::memory {
namespace {

constexpr std::size_t kBytes = 10 << 20;
constexpr std::uint64_t kNow = 1'000'000;
constexpr std::string_view kKey = "plugin-limit-countroute/1&1:203.0.113.195";

void incr_alone(benchmark::State& state) {
  auto dictionary = std::move(*Dictionary::create("bench", kBytes));
  for (auto _ : state) benchmark::DoNotOptimize(dictionary.incr(kKey, 1, {.ttl_ms = 60'000}, kNow));
}
BENCHMARK(incr_alone);

// As many keys as a full default zone holds: every operation misses the caches.
void incr_100k_keys(benchmark::State& state) {
  auto dictionary = std::move(*Dictionary::create("bench", kBytes));
  std::vector<std::string> keys;
  for (int i = 0; i < 100'000; ++i) keys.push_back(std::string(kKey) + std::to_string(i * 7919 % 100'000));
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dictionary.incr(keys[next], 1, {.ttl_ms = 60'000}, kNow));
    next = next + 1 == keys.size() ? 0 : next + 1;
  }
}
BENCHMARK(incr_100k_keys);

// range(0) other processes do the same without a pause.
void incr_contended(benchmark::State& state) {
  auto dictionary = std::move(*Dictionary::create("bench", kBytes));
  std::vector<pid_t> others;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (;;) dictionary.incr(kKey, 1, {}, kNow);
    }
    others.push_back(pid);
  }
  while (!dictionary.get(kKey, kNow)) ::usleep(1000);
  for (auto _ : state) benchmark::DoNotOptimize(dictionary.incr(kKey, 1, {}, kNow));
  for (const pid_t pid : others) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}
BENCHMARK(incr_contended)->Arg(1)->Arg(3);

void rate_take(benchmark::State& state) {
  auto rates = std::move(*RateTable::create("bench", kBytes));
  std::uint64_t now = kNow;
  for (auto _ : state) benchmark::DoNotOptimize(rates.take(kKey, 1e6, 100, true, now += 1));
}
BENCHMARK(rate_take);

void lease_and_release(benchmark::State& state) {
  auto leases = std::move(*LeaseTable::create("bench", kBytes, 64));
  for (auto _ : state) {
    auto taken = leases.acquire(kKey, 10, 0, kNow);
    leases.release(taken.lease, 0);
  }
}
BENCHMARK(lease_and_release);

std::string labels_of(int i) {
  std::string labels;
  append_label(labels, "code", "200");
  append_label(labels, "route", std::to_string(i));
  append_label(labels, "matched_uri", "/api/v1/orders/" + std::to_string(i));
  append_label(labels, "matched_host", "www.example.com");
  append_label(labels, "service", "");
  append_label(labels, "consumer", "");
  append_label(labels, "node", "10.0.0." + std::to_string(i % 250));
  return labels;
}

void metric_add(benchmark::State& state) {
  auto zone = std::move(*MetricZone::create("bench", 128 << 20, 8));
  MetricWriter writer(zone, 0);
  const FamilyId family = *writer.add_family({MetricType::kCounter, "apisix_http_status", "", {}});
  const std::string labels = labels_of(1);
  for (auto _ : state) writer.add(family, labels);
}
BENCHMARK(metric_add);

// What every request adds for `apisix top`: once for its route, once for its upstream. Many routes are cold
// ones.
void traffic_count(benchmark::State& state) {
  auto zone = std::move(*MetricZone::create("bench", 64 << 20, 2));
  TrafficMeter meter(zone, 0);
  std::vector<TrafficPlace> places(static_cast<std::size_t>(state.range(0)));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < places.size(); ++i) names.push_back("route-" + std::to_string(i));
  std::size_t at = 0;
  for (auto _ : state) {
    at = (at * 5 + 1) % places.size();
    meter.count(TrafficKind::kRoute, names[at], places[at], 200, 100 + at % 5000);
  }
}
BENCHMARK(traffic_count)->Arg(1)->Arg(8192);

// Eight workers have counted all of 100,000 series.
void export_100k_series(benchmark::State& state) {
  auto zone = std::move(*MetricZone::create("bench", 128 << 20, 8));
  for (std::size_t worker = 0; worker < 8; ++worker) {
    MetricWriter writer(zone, worker);
    const FamilyId family = *writer.add_family({MetricType::kCounter, "apisix_http_status", "", {}});
    for (int i = 0; i < 100'000; ++i) writer.add(family, labels_of(i), i + 0.5);
  }
  if (zone.stats().overflows > 0) state.SkipWithError("the zone is too small");
  for (auto _ : state) {
    std::string text;
    write_metrics_text(zone, text);
    benchmark::DoNotOptimize(text.data());
    state.counters["bytes"] = static_cast<double>(text.size());
  }
}
BENCHMARK(export_100k_series)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace apisix::memory
