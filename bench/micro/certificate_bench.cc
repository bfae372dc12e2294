// CertificateTable with 100,000 objects of 5 KiB: what a start, a change and a handshake's lookup cost, and
// the memory ("bytes" of one object, its text of 5 KiB among them).
#include <deque>
#include <string>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "tests/fakes/made_certificate.h"
#include "worker/tls/certificate_table.h"

namespace apisix::tls {
namespace {

constexpr int kObjects = 100'000;

class Many {
 public:
  explicit Many(int count) {
    const fakes::MadeCertificate root({.name = "root", .is_rsa = true, .is_authority = true});
    const fakes::MadeCertificate made({.name = "host.example.com", .is_rsa = true}, &root);
    object_["cert"] = made.certificate_pem() + root.certificate_pem();
    object_["key"] = made.key_pem();
    for (int i = 0; i < count; ++i) add(i);
  }

  void add(int number) {
    object_["sni"] = name_of(number);
    const std::string& text = texts_.emplace_back(format::to_json(object_));
    if (!table.put(std::to_string(number), text, number)) std::abort();
  }
  static std::string name_of(int number) { return "host-" + std::to_string(number) + ".example.com"; }

  event::Loop loop;
  client::HttpClient http{loop};
  secret::SecretCache secrets{loop, http, {}};
  Stapler stapler{loop, http};
  CertificateTable table{{secrets, stapler, base::Keyring(), [] { return false; }}};

 private:
  format::Json object_{::Json::objectValue};
  std::deque<std::string> texts_;
};

Many& many() {
  static Many all(kObjects);
  return all;
}

void load_100k(benchmark::State& state) {
  const auto before = ::mallinfo2();
  std::size_t bytes = 0;
  for (auto _ : state) {
    const Many all(kObjects);
    const auto after = ::mallinfo2();
    bytes = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
  }
  state.counters["bytes"] = static_cast<double>(bytes) / kObjects;
}
BENCHMARK(load_100k)->Iterations(1)->Unit(benchmark::kMillisecond);

void add_one(benchmark::State& state) {
  Many& all = many();  // made before the clock runs
  int next = kObjects;
  for (auto _ : state) all.add(next++);
}
BENCHMARK(add_one)->Iterations(10'000)->Unit(benchmark::kMicrosecond);

void find_parsed(benchmark::State& state) {
  const std::string name = Many::name_of(77'777);
  for (auto _ : state) benchmark::DoNotOptimize(many().table.find(name));
}
BENCHMARK(find_parsed);

void find_unparsed(benchmark::State& state) {
  int next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(many().table.find(Many::name_of(next++)));
}
BENCHMARK(find_unparsed)->Iterations(5'000)->Unit(benchmark::kMicrosecond);

void find_unknown(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(many().table.find("a.b.c.d.example.org"));
}
BENCHMARK(find_unknown);

}  // namespace
}  // namespace apisix::tls
