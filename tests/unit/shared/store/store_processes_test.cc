// The local store under several processes at once, some of them killed at any moment. Every child is forked
// while this process has no thread, and ends with _exit().
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/async/awaiters.h"
#include "shared/async/scope.h"
#include "shared/base/text.h"
#include "shared/store/lmdb_file.h"
#include "shared/store/local_store.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

// A forked process that reports numbers through a pipe.
class Child {
 public:
  using Report = std::function<void(std::int64_t)>;

  explicit Child(const std::function<void(Report)>& work) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    fflush(nullptr);  // or the child could print it once more
    pid_ = fork();
    if (pid_ == 0) {
      work([out = ends[1]](std::int64_t number) {
        if (write(out, &number, sizeof number) != sizeof number) _exit(9);
      });
      _exit(0);
    }
    close(ends[1]);
    in_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) stop();
    close(in_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::optional<std::int64_t> next() {
    std::int64_t number = 0;
    return read(in_, &number, sizeof number) == sizeof number ? std::optional(number) : std::nullopt;
  }
  // kill -9; then what it had reported.
  std::vector<std::int64_t> stop() {
    kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
    return rest();
  }
  std::vector<std::int64_t> rest() {
    std::vector<std::int64_t> numbers;
    while (const auto number = next()) numbers.push_back(*number);
    return numbers;
  }
  bool exited_well() {
    int status = 0;
    return waitpid(std::exchange(pid_, -1), &status, 0) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
};

struct Opened {
  event::Loop loop;
  std::unique_ptr<LocalStore> store;

  explicit Opened(const LocalStoreOptions& options) {
    auto opened = LocalStore::open(loop, options);
    if (opened) store = std::move(*opened);
    if (!opened) ADD_FAILURE() << opened.error().what;
  }
};

async::Task<bool> pause_for(event::Loop& loop, std::uint64_t delay_ms) {
  co_await async::Sleep(loop, delay_ms);
  co_return true;
}

class StoreProcesses : public StoreTest {};

std::int64_t number_of(const std::string& text) {
  return base::parse_integer<std::int64_t>(text).value_or(-1);
}

// Counts one up by compare and swap; reports false when another was faster.
bool count_up(Opened& opened, const std::string& key) {
  const auto item = wait_for(opened.loop, opened.store->get(key));
  const std::int64_t value = item ? number_of(item->value) : 0;
  const auto reply = wait_for(
      opened.loop, opened.store->txn(put_if(key, std::to_string(value + 1), item ? item->mod_revision : 0)));
  return reply && reply->succeeded;
}

// What a process saw of the store: each revision once and in order, with the counter's every value.
class Witness {
 public:
  explicit Witness(Store& store)
      : watch_(store.watch("/count", 2,
                           {.on_batch = [this](const EventBatch& batch) { see(batch); },
                            .on_lost = [this](const base::Error&) { good_ = false; }})) {}
  bool good() const { return good_; }
  std::int64_t value() const { return value_; }

 private:
  void see(const EventBatch& batch) {
    good_ = good_ && batch.revision > revision_ && batch.events.size() == 1 &&
            number_of(batch.events[0].item.value) == value_ + 1;
    revision_ = batch.revision;
    ++value_;
  }

  bool good_ = true;
  Revision revision_ = 0;
  std::int64_t value_ = 0;
  std::unique_ptr<Watch> watch_;
};

TEST_F(StoreProcesses, CountTogetherAndAllSeeTheSameOrder) {
  constexpr int kChildren = 4;
  constexpr int kCounts = 50;
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < kChildren; ++i) {
    children.push_back(std::make_unique<Child>([&](const Child::Report& report) {
      Opened opened(options_);
      Witness witness(*opened.store);
      for (int counted = 0; counted < kCounts;) counted += count_up(opened, "/count");
      const bool all =
          turn_until(opened.loop, [&] { return witness.value() >= std::int64_t{kChildren} * kCounts; });
      report(all && witness.good() ? witness.value() : -1);
      opened.store.reset();
    }));
  }
  Opened opened(options_);
  Witness witness(*opened.store);
  ASSERT_TRUE(turn_until(opened.loop, [&] { return witness.value() >= kChildren * kCounts; }));
  EXPECT_TRUE(witness.good());
  for (auto& child : children) {
    EXPECT_EQ(child->next(), kChildren * kCounts);
    EXPECT_TRUE(child->exited_well());
  }
  EXPECT_EQ(wait_for(opened.loop, opened.store->get("/count"))->version, kChildren * kCounts);
}

TEST_F(StoreProcesses, SeeEachOthersWritesInMilliseconds) {
  constexpr int kWrites = 100;
  Child writer([&](const Child::Report& report) {
    Opened opened(options_);
    for (int i = 0; i < kWrites; ++i) {
      (void)wait_for(opened.loop, opened.store->txn(put("/k", std::to_string(i))));
      report(static_cast<std::int64_t>(base::monotonic_now_us()));
      for (int turns = 0; turns < 3; ++turns) opened.loop.run_once(1);
    }
  });
  Opened opened(options_);
  std::vector<std::int64_t> seen_us;
  const auto watch = opened.store->watch(
      "/k", 2,
      {.on_batch =
           [&](const EventBatch&) { seen_us.push_back(static_cast<std::int64_t>(base::monotonic_now_us())); },
       .on_lost = {}});
  ASSERT_TRUE(turn_until(opened.loop, [&] { return seen_us.size() == kWrites; }));
  std::vector<std::int64_t> delays_us;
  for (const std::int64_t seen : seen_us) delays_us.push_back(seen - writer.next().value_or(0));
  std::ranges::sort(delays_us);
  RecordProperty("median_us", static_cast<int>(delays_us[kWrites / 2]));
  RecordProperty("p99_us", static_cast<int>(delays_us[kWrites * 99 / 100]));
  // The target is 10 ms for 99 of 100. Half of them, because this runs beside whole builds; when notices
  // do not arrive, it is the slow look of once a second that this would see.
  EXPECT_LT(delays_us[kWrites / 2], 10'000);
}

TEST_F(StoreProcesses, ALeaseOfAKilledProcessEnds) {
  Child holder([&](const Child::Report& report) {
    Opened opened(options_);
    const auto lease = wait_for(opened.loop, opened.store->grant_lease(1));
    (void)wait_for(opened.loop, opened.store->txn(put("/alive", "yes", *lease)));
    report(1);
    pause();
  });
  ASSERT_EQ(holder.next(), 1);
  holder.stop();
  Opened opened(options_);
  ASSERT_TRUE(wait_for(opened.loop, opened.store->get("/alive")));
  bool deleted = false;
  const auto watch = opened.store->watch(
      "/alive", 3, {.on_batch = [&](const EventBatch&) { deleted = true; }, .on_lost = {}});
  EXPECT_TRUE(turn_until(opened.loop, [&] { return deleted; }));
}

// Writes /n/<number>/a and /n/<number>/b in one transaction, always several under way, and reports each
// number once it was acknowledged.
async::Task<void> write_pairs(Store& store, std::int64_t first, std::int64_t step,
                              const Child::Report& report) {
  for (std::int64_t number = first;; number += step) {
    const std::string key = "/n/" + std::to_string(number);
    Txn txn = put(key + "/a", std::string(200, 'a'));
    txn.writes.emplace_back(Put{key + "/b", std::string(3000, 'b'), 0});
    const auto reply = co_await store.txn(std::move(txn));
    if (reply && reply->succeeded) report(number);
  }
}

void write_forever(const LocalStoreOptions& options, std::int64_t first, const Child::Report& report) {
  constexpr std::int64_t kUnderWay = 4;
  Opened opened(options);
  report(-1);
  async::Scope scope(opened.loop);
  for (std::int64_t i = 0; i < kUnderWay; ++i) {
    scope.spawn(write_pairs(*opened.store, first + i, kUnderWay, report));
  }
  opened.loop.run();
}

// number -> how many of its two keys are there, at how many revisions.
struct Pair {
  int keys = 0;
  Revision revision = 0;
  bool whole = true;
};

std::map<std::int64_t, Pair> read_pairs(LmdbFile& file) {
  std::map<std::int64_t, Pair> pairs;
  for (const Item& item : file.list("/n/").value().items) {
    Pair& pair = pairs[number_of(item.key.substr(3, item.key.size() - 5))];
    pair.whole = pair.whole && (pair.keys == 0 || pair.revision == item.mod_revision);
    pair.revision = item.mod_revision;
    ++pair.keys;
  }
  return pairs;
}

void expect_sound(LmdbFile& file, const std::vector<std::int64_t>& acknowledged) {
  const auto pairs = read_pairs(file);
  for (const std::int64_t number : acknowledged) {
    ASSERT_TRUE(number < 0 || pairs.contains(number)) << "lost the acknowledged write " << number;
  }
  for (const auto& [number, pair] : pairs) {
    ASSERT_TRUE(pair.keys == 2 && pair.whole) << "half of the transaction " << number;
  }
  const LogPage log = file.read_log(0, 1 << 20, 1 << 30).value();
  Revision revision = log.state.floor;
  for (const EventBatch& batch : log.batches) {
    ASSERT_EQ(batch.revision, ++revision);
    ASSERT_EQ(batch.events.size(), 2U);
  }
  ASSERT_EQ(revision, log.state.revision);
}

// Lets it write for some acknowledgements and a little longer. What it reported.
std::vector<std::int64_t> let_run_and_kill(Child& child, std::mt19937& random) {
  std::vector<std::int64_t> told;
  for (auto left = 1 + random() % 20; left > 0; --left) told.push_back(child.next().value_or(-1));
  usleep(random() % 3'000);
  const auto rest = child.stop();
  told.insert(told.end(), rest.begin(), rest.end());
  EXPECT_EQ(told.front(), -1) << "it did not come so far as to open the store";
  return told;
}

TEST_F(StoreProcesses, KilledAtAnyMomentLoseNoAcknowledgedWrite) {
  constexpr int kRounds = 100;
  std::mt19937 random(20'261'120);
  options_.log_revisions_max = 40;  // trimmed all the time
  std::size_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    Child child([&](const Child::Report& report) { write_forever(options_, round * 100'000, report); });
    const auto told = let_run_and_kill(child, random);
    acknowledged += told.size();
    auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    expect_sound(**file, told);
    if (HasFatalFailure()) return;
    // Room, so that the rounds stay equal.
    std::vector<WriteRequest> cleaning;
    for (const Item& item : (*file)->list("/n/").value().items) {
      if (item.key.ends_with("/a")) {
        Txn both = remove(item.key);
        both.writes.emplace_back(Delete{item.key.substr(0, item.key.size() - 1) + "b"});
        cleaning.emplace_back(std::move(both));
      }
    }
    for (const auto& reply : (*file)->commit(cleaning, 1).replies) ASSERT_TRUE(reply);
  }
  RecordProperty("acknowledged", static_cast<int>(acknowledged));
  EXPECT_GT(acknowledged, std::size_t{5 * kRounds});
}

TEST_F(StoreProcesses, SurvivorsGoOnWhenAWriterIsKilled) {
  std::mt19937 random(7);
  std::vector<std::int64_t> acknowledged;
  Child survivor([&](const Child::Report& report) { write_forever(options_, 0, report); });
  ASSERT_EQ(survivor.next(), -1);
  for (int round = 1; round <= 40; ++round) {
    Child child([&](const Child::Report& report) { write_forever(options_, round * 100'000, report); });
    const auto told = let_run_and_kill(child, random);
    acknowledged.insert(acknowledged.end(), told.begin(), told.end());
    for (int i = 0; i < 3; ++i) {
      const auto next = survivor.next();
      ASSERT_TRUE(next) << "the survivor came to a halt";
      acknowledged.push_back(*next);
    }
  }
  const auto told = survivor.stop();
  acknowledged.insert(acknowledged.end(), told.begin(), told.end());
  auto file = LmdbFile::open(options_);
  ASSERT_TRUE(file) << file.error().what;
  expect_sound(**file, acknowledged);
}

TEST_F(StoreProcesses, KilledWhileTheyMakeTheStoreLeaveAWholeOneOrNone) {
  std::mt19937 random(11);
  for (int round = 0; round < 25; ++round) {
    std::filesystem::remove_all(root_ + "/data");
    Child child([&](const Child::Report& report) {
      report(0);
      auto file = LmdbFile::open(options_);
      report(file ? 1 : 2);
      pause();
    });
    ASSERT_EQ(child.next(), 0);
    usleep(random() % 6'000);
    child.stop();
    const auto file = LmdbFile::open(options_);
    ASSERT_TRUE(file) << file.error().what;
    ASSERT_EQ((*file)->list("")->revision, 1);
  }
}

TEST_F(StoreProcesses, ManyMayMakeTheStoreAtOnce) {
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(std::make_unique<Child>([&](const Child::Report& report) {
      Opened opened(options_);
      const auto reply = wait_for(opened.loop, opened.store->txn(put("/k", "v")));
      report(reply ? reply->revision : -1);
      opened.store.reset();
    }));
  }
  std::vector<std::int64_t> revisions;
  for (auto& child : children) {
    revisions.push_back(child->next().value_or(-2));
    EXPECT_TRUE(child->exited_well());
  }
  std::ranges::sort(revisions);
  EXPECT_EQ(revisions, (std::vector<std::int64_t>{2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(StoreProcesses, TheLoopGoesOnWhileAnotherProcessHoldsTheWriteLock) {
  ASSERT_TRUE(LmdbFile::open(options_));
  Child holder([&](const Child::Report& report) {
    auto env = LmdbEnv::open({.path = options_.path, .map_bytes = kMapBytes});
    auto txn = (*env)->begin_write();
    report(txn ? 1 : 2);
    pause();
  });
  ASSERT_EQ(holder.next(), 1);
  Opened opened(options_);
  std::vector<async::Task<base::Result<TxnReply>>> tasks;
  for (int i = 0; i < 9'000; ++i) tasks.push_back(opened.store->txn(put("/k/" + std::to_string(i), "v")));
  for (auto& task : tasks) task.start();
  const auto done = [&] {
    return std::ranges::count_if(tasks, [](const auto& task) { return task.done(); });
  };
  const std::uint64_t begin_us = base::monotonic_now_us();
  for (int turns = 0; turns < 20; ++turns) wait_for(opened.loop, pause_for(opened.loop, 5));
  EXPECT_LT(base::monotonic_now_us() - begin_us, 5'000'000U);
  EXPECT_EQ(wait_for(opened.loop, opened.store->list("/"))->revision, 1);
  const auto refused = done();
  EXPECT_GT(refused, 0) << "the queue has a bound";
  EXPECT_LT(refused, 1'000);
  const auto error = tasks.back().take_result().error();
  EXPECT_EQ(error.code, base::ErrorCode::kUnavailable);
  EXPECT_TRUE(error.retryable);
  holder.stop();
  ASSERT_TRUE(turn_until(opened.loop, [&] { return done() == 9'000; }));
  EXPECT_EQ(wait_for(opened.loop, opened.store->list("/"))->items.size(),
            static_cast<std::size_t>(9'000 - refused));
}

// A reader that was killed in the middle of a read would keep old pages: the file would grow.
TEST_F(StoreProcesses, KilledReadersDoNotMakeTheFileGrow) {
  for (int round = 0; round < 3; ++round) {
    Child reader([&](const Child::Report& report) {
      auto env = LmdbFile::open(options_);
      report(1);
      for (;;) (void)(*env)->list("");
    });
    ASSERT_EQ(reader.next(), 1);
    usleep(3'000);
    reader.stop();
  }
  options_.log_revisions_max = 4;
  auto file = LmdbFile::open(options_);
  ASSERT_TRUE(file);
  for (int i = 0; i < 50; ++i) {
    const WriteRequest request = put("/k", std::string(100'000, 'v'));
    ASSERT_TRUE((*file)->commit({&request, 1}, 1).replies[0]);
  }
  EXPECT_LT(std::filesystem::file_size(options_.path), 2'500'000U);
}

}  // namespace
}  // namespace apisix::store
