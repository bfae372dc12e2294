// The table of consumers: what it costs to find one by its key, and to change one, with 1,000 and 1,000,000
// of them. "spread" asks for all in random order, so that every lookup misses the caches.
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "worker/config/consumer_table.h"
#include "worker/plugins/catalog.h"
#include "worker/secret/secret_cache.h"

namespace {

using namespace apisix;

const plugin::PluginSet& plugins() {
  static const plugin::PluginSet set(plugins::catalog(), {"key-auth"});
  return set;
}

std::string name_of(std::size_t number) {
  return "consumer_" + std::to_string(number);
}

store::Item item_of(std::size_t number, const std::string& key) {
  const std::string name = name_of(number);
  return {.key = "/apisix/consumers/" + name,
          .value = R"({"username":")" + name + R"(","plugins":{"key-auth":{"key":")" + key + R"("}}})",
          .create_revision = static_cast<store::Revision>(number) + 1,
          .mod_revision = static_cast<store::Revision>(number) + 1};
}

struct Filled {
  explicit Filled(std::size_t count) : table(plugins(), secrets, references) {
    const auto before = mallinfo2().uordblks;
    for (std::size_t i = 0; i < count; ++i) {
      if (!table.put(name_of(i), item_of(i, "key-" + std::to_string(i)))) std::abort();
    }
    bytes_each = static_cast<double>(mallinfo2().uordblks - before) / static_cast<double>(count);
    std::mt19937 random(7);
    for (int i = 0; i < 4096; ++i) keys.push_back("key-" + std::to_string(random() % count));
  }
  apisix::event::Loop loop;
  client::HttpClient http{loop};
  secret::SecretCache secrets{loop, http, {}};  // none is referred to
  config::References references;
  config::ConsumerTable table;
  std::vector<std::string> keys;
  double bytes_each = 0;
};

Filled& filled(std::size_t count) {
  static std::size_t filled_with = 0;
  static std::unique_ptr<Filled> kept;
  if (filled_with != count) {
    kept.reset();
    kept = std::make_unique<Filled>(count);
    filled_with = count;
  }
  return *kept;
}

// A consumer's JSON is parsed at its first match; here all were matched before.
void find_by_key(benchmark::State& state) {
  Filled& all = filled(static_cast<std::size_t>(state.range(0)));
  for (const std::string& key : all.keys) {
    if (!all.table.find("key-auth", key)) std::abort();
  }
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(all.table.find("key-auth", all.keys[at++ % all.keys.size()]));
  state.counters["bytes_each"] = all.bytes_each;
}
BENCHMARK(find_by_key)->Name("find/spread")->Arg(1000)->Arg(1000000);

void change_one(benchmark::State& state) {
  Filled& all = filled(static_cast<std::size_t>(state.range(0)));
  std::size_t turn = 0;
  for (auto _ : state) {
    const std::size_t number = turn % 500;
    if (!all.table.put(name_of(number), item_of(number, "new-" + std::to_string(turn)))) std::abort();
    ++turn;
  }
}
BENCHMARK(change_one)->Name("change")->Arg(1000)->Arg(1000000);

}  // namespace
