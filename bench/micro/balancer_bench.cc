// Picks per second of each balancer: 10 and 1000 nodes, equal and mixed weights.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "worker/upstream/cluster.h"

namespace {

using namespace apisix::upstream;

std::vector<PickerEntry> entries_of(std::int64_t nodes, bool mixed) {
  std::vector<PickerEntry> entries;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(nodes); ++i) {
    PickerEntry entry;
    entry.index = i;
    entry.weight = mixed ? 1 + i % 7 : 1;
    entry.ring_id = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":80";
    entry.load = apisix::base::make_counted<NodeLoad>();
    entries.push_back(std::move(entry));
  }
  return entries;
}

void run(benchmark::State& state, Balancer kind, bool mixed) {
  apisix::base::Random random(1);
  const auto picker = make_picker(kind, entries_of(state.range(0), mixed), random);
  std::vector<std::string> keys;
  for (int i = 0; i < 1024; ++i) keys.push_back("/session/" + std::to_string(i * 7919));
  // A window of exchanges in flight, so that least_conn has something to weigh.
  std::vector<NodeIndex> held(64, kNoNode);
  std::uint64_t turn = 0;
  for (auto _ : state) {
    NodeIndex& slot = held[turn % held.size()];
    if (slot != kNoNode) picker->after(slot, {.latency_us = 500 + turn % 100, .now_us = turn * 20});
    slot = picker->pick({.hash_key = keys[turn % keys.size()], .now_us = turn * 20});
    benchmark::DoNotOptimize(slot);
    ++turn;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(turn));
}

void build(benchmark::State& state, Balancer kind) {
  apisix::base::Random random(1);
  for (auto _ : state) benchmark::DoNotOptimize(make_picker(kind, entries_of(state.range(0), true), random));
}

// What a request pays: checks, pick, address.
void cluster_pick(benchmark::State& state) {
  apisix::base::Random random(1);
  LoadRegistry loads;
  ClusterConfig config;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    config.nodes.push_back({"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), 80});
  }
  const auto cluster = Cluster::make(config, {random, loads}, 0);
  for (auto _ : state) {
    PickContext context;
    const auto pick = cluster->pick(context);
    benchmark::DoNotOptimize(pick);
    cluster->after(context, pick.node->index, {});
  }
}

BENCHMARK_CAPTURE(run, roundrobin, Balancer::kRoundRobin, false)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, roundrobin_mixed, Balancer::kRoundRobin, true)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, chash, Balancer::kChash, false)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, chash_mixed, Balancer::kChash, true)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, least_conn, Balancer::kLeastConn, false)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, least_conn_mixed, Balancer::kLeastConn, true)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, ewma, Balancer::kEwma, false)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(run, random_mixed, Balancer::kRandom, true)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(build, roundrobin, Balancer::kRoundRobin)->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(build, chash, Balancer::kChash)->Arg(10)->Arg(1000);
BENCHMARK(cluster_pick)->Arg(1)->Arg(10)->Arg(1000);

}  // namespace
