// What a worker pays for each object of its configuration: read, validate, make the struct.
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "shared/format/json.h"
#include "shared/resource/route.h"
#include "shared/resource/validate.h"

namespace apisix::resource {
namespace {

std::string route_text(int number) {
  const std::string id = std::to_string(number);
  return R"({"id":")" + id + R"(","name":"route-)" + id + R"(","uri":"/service/)" + id +
         R"(/*","host":"Api)" + id +
         R"(.example.com","methods":["GET","POST"],"create_time":1700000000,)"
         R"("update_time":1700000000,"plugins":{"limit-count":{"count":100,"time_window":60,"key":"remote_addr"}},)"
         R"("upstream":{"type":"roundrobin","nodes":{"10.0.0.1:8080":1,"10.0.0.2:8080":1},"scheme":"http"}})";
}

void BM_ParseJson(benchmark::State& state) {
  const std::string text = route_text(1);
  for (auto _ : state) benchmark::DoNotOptimize(format::parse_json(text));
}
BENCHMARK(BM_ParseJson);

void BM_ValidateRoute(benchmark::State& state) {
  const format::Json route = format::parse_json(route_text(1)).value();
  const ValidateHooks hooks;
  for (auto _ : state) {
    format::Json copy = route;
    benchmark::DoNotOptimize(validate(Kind::kRoute, copy, {.hooks = hooks, .is_stored = true}));
  }
}
BENCHMARK(BM_ValidateRoute);

void BM_CopyRouteJson(benchmark::State& state) {  // to be taken off the row above
  const format::Json route = format::parse_json(route_text(1)).value();
  for (auto _ : state) {
    format::Json copy = route;
    benchmark::DoNotOptimize(copy);
  }
}
BENCHMARK(BM_CopyRouteJson);

// Bytes that each route keeps.
void BM_LoadRoutes(benchmark::State& state) {
  const ValidateHooks hooks;
  for (auto _ : state) {
    const auto before = mallinfo2().uordblks;
    std::vector<Route> routes;
    routes.reserve(static_cast<std::size_t>(state.range(0)));
    for (int i = 0; i < state.range(0); ++i) {
      format::Json json = format::parse_json(route_text(i)).value();
      benchmark::DoNotOptimize(validate(Kind::kRoute, json, {.hooks = hooks, .is_stored = true}));
      routes.push_back(parse_route(std::move(json)).value());
    }
    const auto after = mallinfo2().uordblks;
    state.counters["bytes_per_route"] =
        static_cast<double>(after - before) / static_cast<double>(state.range(0));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LoadRoutes)->Arg(100'000)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace apisix::resource
