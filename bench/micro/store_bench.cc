// The local store on this machine's disk: reading everything, writing alone and in company, and how soon
// other processes see a write. `seen_*` counts from the acknowledgement in the writing process.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/async/scope.h"
#include "shared/store/local_store.h"

namespace apisix::store {
namespace {

constexpr std::size_t kRouteBytes = 300;

struct Directory {
  std::string root;
  LocalStoreOptions options;

  Directory() {
    std::string pattern = "/var/tmp/store_bench.XXXXXX";  // /tmp may be memory, where syncing costs nothing
    root = mkdtemp(pattern.data());
    options.path = root + "/data/store.mdb";
  }
  ~Directory() { std::filesystem::remove_all(root); }
};

// After fork(): a loop is one process's.
struct Opened {
  event::Loop loop;
  std::unique_ptr<LocalStore> store;

  explicit Opened(const Directory& directory) : store(LocalStore::open(loop, directory.options).value()) {}
};

Txn put_route(std::size_t number) {
  Txn txn;
  txn.writes.emplace_back(Put{"/apisix/routes/" + std::to_string(number), std::string(kRouteBytes, 'r')});
  return txn;
}

template <typename T>
T finish(Opened& opened, async::Task<T> task) {
  task.start();
  while (!task.done()) opened.loop.run_once(100);
  return task.take_result();
}

void fill(Opened& opened, std::size_t count) {
  constexpr std::size_t kPerTxn = 1000;
  for (std::size_t first = 0; first < count; first += kPerTxn) {
    Txn txn;
    for (std::size_t i = first; i < first + kPerTxn; ++i) txn.writes.push_back(put_route(i).writes[0]);
    if (!finish(opened, opened.store->txn(std::move(txn)))) std::abort();
  }
}

void list_routes(benchmark::State& state) {
  const Directory directory;
  Opened opened(directory);
  fill(opened, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto reply = finish(opened, opened.store->list("/apisix/routes/"));
    if (reply->items.size() != static_cast<std::size_t>(state.range(0))) std::abort();
    benchmark::DoNotOptimize(reply);
  }
}
BENCHMARK(list_routes)->Arg(100'000)->Unit(benchmark::kMillisecond);

void get_route(benchmark::State& state) {
  const Directory directory;
  Opened opened(directory);
  fill(opened, 100'000);
  std::size_t number = 0;
  for (auto _ : state) {
    number = (number + 7919) % 100'000;
    auto item = finish(opened, opened.store->get("/apisix/routes/" + std::to_string(number)));
    if (!item) std::abort();
  }
}
BENCHMARK(get_route);

async::Task<void> write_some(Store& store, std::size_t& left) {
  while (left > 0) {
    --left;
    if (!co_await store.txn(put_route(left % 10'000))) std::abort();
  }
}

// range(0): transactions under way at once.
void write_routes(benchmark::State& state) {
  const Directory directory;
  Opened opened(directory);
  constexpr std::size_t kWrites = 512;
  for (auto _ : state) {
    std::size_t left = kWrites;
    async::Scope scope(opened.loop);
    for (std::int64_t i = 0; i < state.range(0); ++i) scope.spawn(write_some(*opened.store, left));
    while (!scope.empty()) opened.loop.run_once(100);
  }
  state.SetItemsProcessed(state.iterations() * kWrites);
}
BENCHMARK(write_routes)->Arg(1)->Arg(16)->Arg(256)->UseRealTime()->Unit(benchmark::kMillisecond);

constexpr std::size_t kNotices = 2000;
constexpr std::size_t kWatchers = 4;

// What the processes tell each other; by revision, whose first is 2.
struct Board {
  std::atomic<std::size_t> ready;
  std::atomic<std::size_t> finished;
  std::atomic<std::uint64_t> seen_us[kWatchers][kNotices + 2];
};

void watch_and_tell(const Directory& directory, Board& board, std::size_t self) {
  Opened opened(directory);
  const auto watch = opened.store->watch("/", 2,
                                         {.on_batch =
                                              [&](const EventBatch& batch) {
                                                board.seen_us[self][batch.revision] =
                                                    base::monotonic_now_us();
                                                if (batch.revision == kNotices + 1) ++board.finished;
                                              },
                                          .on_lost = [](const base::Error&) { std::abort(); }});
  ++board.ready;
  for (;;) opened.loop.run_once(1000);
}

async::Task<void> write_and_note(Store& store, std::size_t& left, std::vector<std::uint64_t>& acked_us) {
  while (left > 0) {
    --left;
    const auto reply = co_await store.txn(put_route(left));
    if (!reply) std::abort();
    acked_us[static_cast<std::size_t>(reply->revision)] = base::monotonic_now_us();
  }
}

void report(benchmark::State& state, const Board& board, const std::vector<std::uint64_t>& acked_us) {
  std::vector<double> delays_us;
  for (const auto& watcher : board.seen_us) {
    for (std::size_t revision = 2; revision < kNotices + 2; ++revision) {
      const std::uint64_t seen = watcher[revision];
      delays_us.push_back(seen > acked_us[revision] ? static_cast<double>(seen - acked_us[revision]) : 0);
    }
  }
  std::ranges::sort(delays_us);
  const auto at = [&](std::size_t per_mille) { return delays_us[(delays_us.size() - 1) * per_mille / 1000]; };
  state.counters["seen_p50_us"] = at(500);
  state.counters["seen_p99_us"] = at(990);
  state.counters["seen_max_us"] = at(1000);
}

// range(0): transactions under way at once, while kWatchers other processes watch.
void notice_writes(benchmark::State& state) {
  const Directory directory;
  auto* board = static_cast<Board*>(
      mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::vector<pid_t> watchers;
  for (std::size_t i = 0; i < kWatchers; ++i) {
    watchers.push_back(fork());
    if (watchers.back() == 0) watch_and_tell(directory, *board, i);
  }
  Opened opened(directory);
  while (board->ready < kWatchers) usleep(1000);
  std::vector<std::uint64_t> acked_us(kNotices + 2);
  for (auto _ : state) {
    std::size_t left = kNotices;
    async::Scope scope(opened.loop);
    for (std::int64_t i = 0; i < state.range(0); ++i)
      scope.spawn(write_and_note(*opened.store, left, acked_us));
    while (!scope.empty()) opened.loop.run_once(100);
    while (board->finished < kWatchers) usleep(100);
  }
  report(state, *board, acked_us);
  for (const pid_t watcher : watchers) {
    kill(watcher, SIGKILL);
    waitpid(watcher, nullptr, 0);
  }
  munmap(board, sizeof(Board));
}
BENCHMARK(notice_writes)->Arg(1)->Arg(64)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace apisix::store
