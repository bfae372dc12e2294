#include "shared/store/local_store.h"

#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "shared/async/scope.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What a watch saw, as text: "5: put /a=1, delete /b".
struct Seen {
  std::vector<std::string> batches;
  std::vector<std::string> lost;

  WatchCallbacks callbacks() {
    return {.on_batch = [this](const EventBatch& batch) { batches.push_back(describe(batch)); },
            .on_lost = [this](const base::Error& error) { lost.push_back(error.what); }};
  }
  static std::string describe(const EventBatch& batch) {
    std::string text = std::to_string(batch.revision) + ":";
    for (const Event& event : batch.events) {
      EXPECT_EQ(event.item.mod_revision, batch.revision);
      text += event.type == Event::Type::kPut ? " put " + event.item.key + "=" + event.item.value
                                              : " delete " + event.item.key;
    }
    return text;
  }
};

class LocalStoreTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
  void open() {
    auto store = LocalStore::open(loop_, options_);
    ASSERT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
  }
  TxnReply commit(Txn txn) {
    auto reply = wait_for(loop_, store_->txn(std::move(txn)));
    EXPECT_TRUE(reply) << reply.error().what;
    return reply.value_or(TxnReply{});
  }
  template <typename T>
  T wait(async::Task<T> task) {
    return wait_for(loop_, std::move(task));
  }
  bool turn_until_seen(const Seen& seen, std::size_t batches) {
    return turn_until(loop_, [&] { return seen.batches.size() >= batches; });
  }

  event::Loop loop_;
  std::unique_ptr<LocalStore> store_;
};

TEST_F(LocalStoreTest, WritesAndReadsWithEtcdsRevisions) {
  EXPECT_EQ(wait(store_->list("/"))->revision, 1);
  EXPECT_EQ(commit(put("/r/1", "a")).revision, 2);
  const TxnReply second = commit(put("/r/1", "b"));
  EXPECT_EQ(second.revision, 3);
  EXPECT_EQ(second.previous.at(0).value, "a");
  const auto item = wait(store_->get("/r/1"));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->value, "b");
  EXPECT_EQ(item->create_revision, 2);
  EXPECT_EQ(item->mod_revision, 3);
  EXPECT_EQ(item->version, 2);
  const auto missing = wait(store_->get("/r/2"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
  EXPECT_EQ(store_->provider(), "local");
}

TEST_F(LocalStoreTest, TheFilesAreForTheOwnerOnly) {
  struct stat about{};
  ASSERT_EQ(stat((root_ + "/data").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0700U);
  for (const char* name : {"store.mdb", "store.mdb-lock", "store.mdb-notice"}) {
    ASSERT_EQ(stat((root_ + "/data/" + name).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_mode & 07777, 0600U) << name;
  }
}

TEST_F(LocalStoreTest, KeepsEverythingAcrossClosing) {
  commit(put("/r/1", "a"));
  const std::string uuid = store_->uuid();
  store_.reset();
  open();
  EXPECT_EQ(store_->uuid(), uuid);
  EXPECT_EQ(wait(store_->get("/r/1"))->value, "a");
  EXPECT_EQ(commit(put("/r/2", "b")).revision, 3);
}

TEST_F(LocalStoreTest, WatchSeesItsPrefixFromItsRevisionOn) {
  commit(put("/r/1", "a"));
  commit(put("/s/1", "b"));
  Seen all, routes, late;
  const auto all_watch = store_->watch("/", 2, all.callbacks());
  const auto routes_watch = store_->watch("/r/", 2, routes.callbacks());
  const auto late_watch = store_->watch("/", 4, late.callbacks());
  EXPECT_TRUE(all.batches.empty()) << "called back from inside watch()";
  Txn both = put("/r/2", "c");
  both.writes.emplace_back(Delete{"/s/1"});
  commit(both);
  ASSERT_TRUE(turn_until_seen(all, 3));
  EXPECT_THAT(all.batches, ElementsAre("2: put /r/1=a", "3: put /s/1=b", "4: put /r/2=c delete /s/1"));
  EXPECT_THAT(routes.batches, ElementsAre("2: put /r/1=a", "4: put /r/2=c"));
  EXPECT_THAT(late.batches, ElementsAre("4: put /r/2=c delete /s/1"));
}

TEST_F(LocalStoreTest, WatchCatchesUpOverManyTurns) {
  async::Scope scope(loop_);
  for (int i = 0; i < 1000; ++i) {
    scope.spawn([](Store& store, int number) -> async::Task<void> {
      (void)co_await store.txn(put("/n/" + std::to_string(number), "x"));
    }(*store_, i));
  }
  ASSERT_TRUE(turn_until(loop_, [&] { return scope.empty(); }));
  std::vector<Revision> revisions;
  const auto watch = store_->watch(
      "/n/", 2,
      {.on_batch = [&](const EventBatch& batch) { revisions.push_back(batch.revision); }, .on_lost = {}});
  ASSERT_TRUE(turn_until(loop_, [&] { return revisions.size() >= 1000; }));
  for (std::size_t i = 0; i < revisions.size(); ++i) ASSERT_EQ(revisions[i], static_cast<Revision>(i + 2));
}

TEST_F(LocalStoreTest, AWatchAddedByACallbackGetsWhatItMissed) {
  for (int i = 0; i < 5; ++i) commit(put("/k", std::to_string(i)));
  Seen late;
  std::unique_ptr<Watch> second;
  const auto first = store_->watch("/", 4,
                                   {.on_batch =
                                        [&](const EventBatch&) {
                                          if (!second) second = store_->watch("/", 2, late.callbacks());
                                        },
                                    .on_lost = {}});
  ASSERT_TRUE(turn_until_seen(late, 5));
  EXPECT_THAT(late.batches,
              ElementsAre("2: put /k=0", "3: put /k=1", "4: put /k=2", "5: put /k=3", "6: put /k=4"));
}

TEST_F(LocalStoreTest, DestroyingAWatchEndsItAlsoFromItsCallback) {
  commit(put("/a", "1"));
  commit(put("/a", "2"));
  int calls = 0;
  std::unique_ptr<Watch> self, other;
  int other_calls = 0;
  self = store_->watch("/", 2,
                       {.on_batch =
                            [&](const EventBatch&) {
                              ++calls;
                              self.reset();
                              other.reset();
                            },
                        .on_lost = {}});
  other = store_->watch("/", 2, {.on_batch = [&](const EventBatch&) { ++other_calls; }, .on_lost = {}});
  ASSERT_TRUE(turn_until(loop_, [&] { return calls > 0; }));
  commit(put("/a", "3"));
  loop_.run_once(0);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(other_calls, 0);
}

TEST_F(LocalStoreTest, AWatchOfWhatTheLogHasNoMoreIsLost) {
  store_.reset();
  options_.log_revisions_max = 8;
  open();
  for (int i = 0; i < 20; ++i) commit(put("/k", std::to_string(i)));
  Seen old, fresh, ahead;
  const auto old_watch = store_->watch("/", 2, old.callbacks());
  const auto fresh_watch = store_->watch("/", 21, fresh.callbacks());
  const auto ahead_watch = store_->watch("/", 40, ahead.callbacks());
  ASSERT_TRUE(turn_until_seen(fresh, 1));
  EXPECT_THAT(fresh.batches, ElementsAre("21: put /k=19"));
  ASSERT_EQ(old.lost.size(), 1U);
  EXPECT_THAT(old.lost[0], HasSubstr("revision 2 is no longer in the log"));
  ASSERT_EQ(ahead.lost.size(), 1U);
  EXPECT_THAT(ahead.lost[0], HasSubstr("the store is at revision 21, before 39"));
  commit(put("/k", "more"));
  ASSERT_TRUE(turn_until_seen(fresh, 2));
  EXPECT_TRUE(old.batches.empty());
  EXPECT_EQ(old.lost.size(), 1U);
}

TEST_F(LocalStoreTest, CompareAndSwap) {
  EXPECT_TRUE(commit(put_if("/k", "1", 0)).succeeded);
  const TxnReply lost = commit(put_if("/k", "2", 0));
  EXPECT_FALSE(lost.succeeded);
  EXPECT_EQ(lost.revision, 2);
  EXPECT_TRUE(commit(put_if("/k", "2", 2)).succeeded);
  EXPECT_EQ(wait(store_->get("/k"))->value, "2");
}

TEST_F(LocalStoreTest, ConcurrentTransactionsKeepTheirOwnCompareAndRevision) {
  async::Scope scope(loop_);
  int won = 0;
  std::vector<Revision> revisions;
  for (int i = 0; i < 50; ++i) {
    scope.spawn([](Store& store, int& wins, std::vector<Revision>& out) -> async::Task<void> {
      auto reply = co_await store.txn(put_if("/once", "x", 0));
      if (reply && reply->succeeded) ++wins;
      auto other = co_await store.txn(put("/many", "y"));
      if (other) out.push_back(other->revision);
    }(*store_, won, revisions));
  }
  ASSERT_TRUE(turn_until(loop_, [&] { return scope.empty(); }));
  EXPECT_EQ(won, 1);
  std::ranges::sort(revisions);
  ASSERT_EQ(revisions.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(revisions[static_cast<std::size_t>(i)], i + 3);
}

TEST_F(LocalStoreTest, ALeaseDeletesItsKeysAsOneTransaction) {
  const auto lease = wait(store_->grant_lease(1));
  ASSERT_TRUE(lease) << lease.error().what;
  Txn both = put("/l/1", "a", *lease);
  both.writes.emplace_back(Put{"/l/2", "b", *lease});
  commit(both);
  EXPECT_EQ(wait(store_->get("/l/1"))->lease, *lease);
  Seen seen;
  const auto watch = store_->watch("/l/", 3, seen.callbacks());
  const std::uint64_t begin_us = base::monotonic_now_us();
  ASSERT_TRUE(turn_until_seen(seen, 1));
  EXPECT_THAT(seen.batches, ElementsAre("3: delete /l/1 delete /l/2"));
  EXPECT_GE(base::monotonic_now_us() - begin_us, 900'000U);
  EXPECT_FALSE(wait(store_->get("/l/1")));
  const auto gone = wait(store_->keep_lease_alive(*lease));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, base::ErrorCode::kNotFound);
}

TEST_F(LocalStoreTest, AnotherOpeningEndsALeaseThatRanOutMeanwhile) {
  const auto lease = wait(store_->grant_lease(1));
  commit(put("/l", "a", *lease));
  store_.reset();
  const std::uint64_t begin_us = base::monotonic_now_us();
  open();
  ASSERT_TRUE(turn_until(loop_, [&] { return !wait(store_->get("/l")); }));
  EXPECT_LT(base::monotonic_now_us() - begin_us, 5'000'000U);
}

TEST_F(LocalStoreTest, DestroyingAWaitingTaskIsSafe) {
  {
    auto task = store_->txn(put("/k", "1"));
    task.start();
  }
  std::optional<async::Task<base::Result<TxnReply>>> second(store_->txn(put("/k", "2")));
  second->start();
  loop_.run_once(0);
  second.reset();
  commit(put("/k", "3"));
  EXPECT_EQ(wait(store_->get("/k"))->value, "3");
}

TEST_F(LocalStoreTest, ClosingEndsEveryWaitingTask) {
  std::vector<async::Task<base::Result<TxnReply>>> tasks;
  for (int i = 0; i < 600; ++i) tasks.push_back(store_->txn(put("/k/" + std::to_string(i), "v")));
  for (auto& task : tasks) task.start();
  store_.reset();
  loop_.run_once(0);
  open();
  const auto items = wait(store_->list("/k/"))->items;
  std::size_t written = 0;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    ASSERT_TRUE(tasks[i].done());
    const auto reply = tasks[i].take_result();
    if (reply) ++written;
    if (!reply) EXPECT_EQ(reply.error().code, base::ErrorCode::kClosed);
  }
  EXPECT_EQ(items.size(), written) << "what was answered with kClosed was not begun";
}

TEST_F(LocalStoreTest, AProcessOpensAFileOnce) {
  const auto again = LocalStore::open(loop_, options_);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr("this process has it open already"));
  commit(put("/still", "works"));
  EXPECT_FALSE(LocalStore::read_once(options_.path, "/"));
}

TEST_F(LocalStoreTest, ReadOnceNeedsNoLoop) {
  commit(put("/r/1", "a"));
  commit(put("/s/1", "b"));
  store_.reset();
  const auto reply = LocalStore::read_once(options_.path, "/r/");
  ASSERT_TRUE(reply) << reply.error().what;
  ASSERT_EQ(reply->items.size(), 1U);
  EXPECT_EQ(reply->items[0].value, "a");
  EXPECT_EQ(reply->revision, 3);
  const auto missing = LocalStore::read_once(root_ + "/data/other.mdb", "/");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/data/other.mdb"));
}

}  // namespace
}  // namespace apisix::store
