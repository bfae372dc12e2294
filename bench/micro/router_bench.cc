// The router: what a match costs with 10, 1,000 and 100,000 routes, what one change costs, how long a build
// takes, and how much memory a route takes. "hot" asks for the same 10 paths over and over, as traffic does;
// "spread" asks for all routes in random order, so that every lookup misses the caches.
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "worker/route/router.h"

namespace {

using namespace apisix::route;

enum Shape { kExact, kPrefix, kParameter, kHostExact, kHostWildcard, kMixed };

// All that one router kind has.
int mixed_shape(int i) {
  constexpr int kShapes[] = {kExact, kPrefix, kHostExact, kHostWildcard};
  return kShapes[i % 4];
}

RouterKind kind_of(int shape) {
  return shape == kParameter ? RouterKind::kUriWithParameter : RouterKind::kHostUri;
}

RouteEntry entry_of(int shape, int i) {
  const std::string n = std::to_string(i);
  RouteEntry entry;
  entry.id = n;
  entry.sequence = static_cast<std::uint64_t>(i);
  if (shape == kMixed) shape = mixed_shape(i);
  switch (shape) {
    case kExact:
      entry.uris = {"/api/v1/service-" + n + "/list"};
      break;
    case kPrefix:
      entry.uris = {"/api/v1/service-" + n + "/*"};
      break;
    case kParameter:
      entry.uris = {"/api/v1/service-" + n + "/:id/detail"};
      break;
    case kHostExact:
      entry.uris = {"/api/list"};
      entry.hosts = {"service-" + n + ".example.com"};
      break;
    case kHostWildcard:
      entry.uris = {"/api/*"};
      entry.hosts = {"*.service-" + n + ".example.com"};
      break;
  }
  return entry;
}

struct Wanted {
  std::string uri;
  std::string host = "gateway.example.com";
};

Wanted request_of(int shape, int i) {
  const std::string n = std::to_string(i);
  if (shape == kMixed) shape = mixed_shape(i);
  switch (shape) {
    case kExact:
      return {"/api/v1/service-" + n + "/list"};
    case kPrefix:
      return {"/api/v1/service-" + n + "/orders/17"};
    case kParameter:
      return {"/api/v1/service-" + n + "/17/detail"};
    case kHostExact:
      return {"/api/list", "service-" + n + ".example.com"};
    default:
      return {"/api/orders/17", "www.service-" + n + ".example.com"};
  }
}

Router filled(int shape, int routes) {
  Router router = Router::make(kind_of(shape));
  for (int i = 0; i < routes; ++i) (void)router.put(entry_of(shape, i));
  return router;
}

// Args: shape, routes. `asked` different requests, in random order.
void match(benchmark::State& state, int asked) {
  const int shape = static_cast<int>(state.range(0));
  const int routes = static_cast<int>(state.range(1));
  const Router router = filled(shape, routes);
  std::mt19937 random(1);
  std::vector<Wanted> requests;
  for (int i = 0; i < asked; ++i) {
    requests.push_back(request_of(shape, static_cast<int>(random() % static_cast<unsigned>(routes))));
  }
  MatchInput input;
  input.method = method_bit("GET");
  MatchResult result;
  std::size_t at = 0;
  for (auto _ : state) {
    input.uri = requests[at].uri;
    input.host = requests[at].host;
    // A request's own bytes were read just before: their misses are not the router's.
    const Wanted& later = requests[(at + 4) % requests.size()];
    __builtin_prefetch(later.uri.data());
    __builtin_prefetch(later.host.data());
    if (router.match(input, &result) == nullptr) state.SkipWithError("not matched");
    benchmark::DoNotOptimize(result.entry);
    if (++at == requests.size()) at = 0;
  }
}

void hot(benchmark::State& state) {
  match(state, 10);
}
void spread(benchmark::State& state) {
  match(state, 1 << 17);
}

void miss(benchmark::State& state) {
  const Router router = filled(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  MatchInput input;
  input.uri = "/favicon.ico";
  input.host = "gateway.example.com";
  for (auto _ : state) {
    const RouteEntry* entry = router.match(input, nullptr);
    benchmark::DoNotOptimize(entry);
  }
}

// A route is taken out and put back.
void change(benchmark::State& state) {
  const int shape = static_cast<int>(state.range(0));
  const int routes = static_cast<int>(state.range(1));
  Router router = filled(shape, routes);
  std::mt19937 random(1);
  for (auto _ : state) {
    const int i = static_cast<int>(random() % static_cast<unsigned>(routes));
    (void)router.put(entry_of(shape, i));
  }
}

void build(benchmark::State& state) {
  const int shape = static_cast<int>(state.range(0));
  const int routes = static_cast<int>(state.range(1));
  const auto before = ::mallinfo2();
  double bytes = 0;
  double counted = 0;
  for (auto _ : state) {
    Router router = filled(shape, routes);
    state.PauseTiming();
    const auto after = ::mallinfo2();
    bytes = static_cast<double>(after.uordblks + after.hblkhd) -
            static_cast<double>(before.uordblks + before.hblkhd);
    counted = static_cast<double>(router.memory_bytes());
    {
      Router gone = std::move(router);
    }
    state.ResumeTiming();
  }
  state.counters["bytes_per_route"] = bytes / routes;
  state.counters["counted_per_route"] = counted / routes;
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"shape", "routes"});
  for (const int shape : {kExact, kPrefix, kParameter, kHostExact, kHostWildcard, kMixed}) {
    for (const int routes : {10, 1000, 100000}) bench->Args({shape, routes});
  }
}
void largest(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"shape", "routes"});
  for (const int shape : {kExact, kPrefix, kParameter, kHostExact, kHostWildcard, kMixed}) {
    bench->Args({shape, 100000});
  }
}

BENCHMARK(hot)->Apply(sizes);
BENCHMARK(spread)->Apply(sizes);
BENCHMARK(miss)->Apply(largest);
BENCHMARK(change)->Apply(sizes);
BENCHMARK(build)->Apply(largest)->Unit(benchmark::kMillisecond);

}  // namespace
