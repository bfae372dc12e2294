// What every provider of the Store interface does alike: the same tests against LMDB and against a real etcd.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <gmock/gmock.h>

#include "shared/async/scope.h"
#include "shared/store/etcd_store.h"
#include "shared/store/local_store.h"
#include "tests/unit/shared/store/etcd_process.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::store {
namespace {

using ::testing::ElementsAre;

// What a watch saw, as text, with revisions counted from `origin`: "+1: put a=1 delete b".
struct Seen {
  std::string folder;
  Revision origin = 0;
  std::vector<std::string> batches;
  std::vector<std::string> lost;
  Revision progress = 0;

  WatchCallbacks callbacks() {
    return {.on_batch = [this](const EventBatch& batch) { batches.push_back(describe(batch)); },
            .on_lost = [this](const base::Error& error) { lost.push_back(error.what); },
            .on_progress = [this](Revision revision) { progress = revision; }};
  }
  std::string describe(const EventBatch& batch) const {
    std::string text = "+" + std::to_string(batch.revision - origin) + ":";
    for (const Event& event : batch.events) {
      EXPECT_EQ(event.item.mod_revision, batch.revision);
      const std::string key = event.item.key.substr(folder.size());
      text += event.type == Event::Type::kPut ? " put " + key + "=" + event.item.value : " delete " + key;
    }
    return text;
  }
};

// One etcd for the file; each test has a folder of its own in it.
EtcdProcess& shared_etcd() {
  static EtcdProcess etcd;
  return etcd;
}

class StoreContract : public StoreTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    folder_ = std::string("/") + ::testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
    std::ranges::replace(folder_, '/', '.');
    folder_ = "/" + folder_ + "/";
    store_ = open();
    ASSERT_NE(store_, nullptr);
    origin_ = wait(store_->list(folder_))->revision;
  }
  std::unique_ptr<Store> open() {
    if (GetParam() == std::string("local")) {
      auto store = LocalStore::open(loop_, options_);
      EXPECT_TRUE(store) << store.error().what;
      return std::move(*store);
    }
    EtcdOptions options;
    options.hosts = {shared_etcd().url()};
    options.prefix = "";
    options.page_items = 7;
    auto store = EtcdStore::open(loop_, options);
    EXPECT_TRUE(store) << store.error().what;
    return std::move(*store);
  }
  std::string key(const std::string& name) const { return folder_ + name; }
  TxnReply commit(Txn txn) {
    auto reply = wait_for(loop_, store_->txn(std::move(txn)));
    EXPECT_TRUE(reply) << reply.error().what;
    return reply.value_or(TxnReply{});
  }
  template <typename T>
  T wait(async::Task<T> task) {
    return wait_for(loop_, std::move(task));
  }
  Seen seen() const { return {folder_, origin_, {}, {}, 0}; }
  bool turn_until_seen(const Seen& seen, std::size_t batches) {
    return turn_until(loop_, [&] { return seen.batches.size() >= batches; });
  }

  event::Loop loop_;
  std::unique_ptr<Store> store_;
  std::string folder_;
  Revision origin_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Of, StoreContract, ::testing::Values("local", "etcd"),
                         [](const auto& param) { return std::string(param.param); });

TEST_P(StoreContract, WritesAndReads) {
  EXPECT_EQ(store_->provider(), GetParam());
  EXPECT_EQ(commit(put(key("1"), "a")).revision, origin_ + 1);
  const TxnReply second = commit(put(key("1"), "b"));
  EXPECT_EQ(second.revision, origin_ + 2);
  EXPECT_EQ(second.previous.at(0).value, "a");
  EXPECT_EQ(second.previous.at(0).mod_revision, origin_ + 1);
  const auto item = wait(store_->get(key("1")));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->value, "b");
  EXPECT_EQ(item->create_revision, origin_ + 1);
  EXPECT_EQ(item->mod_revision, origin_ + 2);
  EXPECT_EQ(item->version, 2);
  const auto missing = wait(store_->get(key("2")));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
}

TEST_P(StoreContract, ListsAllPagesSortedAtOneRevision) {
  for (int i = 20; i > 0; --i) commit(put(key(std::to_string(100 + i)), std::to_string(i)));
  commit(put(folder_.substr(0, folder_.size() - 1) + "0", "a neighbour"));
  const auto list = wait(store_->list(folder_));
  ASSERT_TRUE(list) << list.error().what;
  EXPECT_EQ(list->revision, origin_ + 21);
  ASSERT_EQ(list->items.size(), 20U);
  for (int i = 1; i <= 20; ++i) {
    EXPECT_EQ(list->items[static_cast<std::size_t>(i) - 1].key, key(std::to_string(100 + i)));
    EXPECT_EQ(list->items[static_cast<std::size_t>(i) - 1].value, std::to_string(i));
  }
}

TEST_P(StoreContract, AnEmptyListHasARevision) {
  const auto list = wait(store_->list(folder_));
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->items.empty());
  EXPECT_GE(list->revision, 1);
}

TEST_P(StoreContract, KeepsBytesAsTheyAre) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  commit(put(key("bytes"), all));
  commit(put(key("empty"), ""));
  EXPECT_EQ(wait(store_->get(key("bytes")))->value, all);
  EXPECT_EQ(wait(store_->get(key("empty")))->value, "");
}

TEST_P(StoreContract, ATransactionIsOneRevision) {
  commit(put(key("b"), "old"));
  Txn both = put(key("a"), "1");
  both.writes.emplace_back(Delete{key("b")});
  both.writes.emplace_back(Delete{key("c")});
  const TxnReply reply = commit(both);
  EXPECT_TRUE(reply.succeeded);
  EXPECT_EQ(reply.revision, origin_ + 2);
  ASSERT_EQ(reply.previous.size(), 3U);
  EXPECT_EQ(reply.previous[0].mod_revision, 0);
  EXPECT_EQ(reply.previous[1].value, "old");
  EXPECT_EQ(reply.previous[2].mod_revision, 0);
}

// More than etcd takes flat: a compare that fails keeps all of it out, a watch sees all of it at once.
TEST_P(StoreContract, ALargeTransactionIsOneRevisionOrNone) {
  constexpr std::size_t kWrites = 1000;
  const TxnLimits limits = store_->txn_limits();
  ASSERT_GE(limits.writes_max, kWrites);
  commit(put(key("700"), "old"));
  Txn txn;
  for (std::size_t i = 0; i < kWrites; ++i) {
    if (i == 700) {
      txn.writes.emplace_back(Delete{key("700")});
    } else {
      txn.writes.emplace_back(Put{key(std::to_string(i)), "v"});
    }
  }
  Txn refused = txn;
  refused.compares.push_back({Compare::Target::kModRevision, key("700"), 0});
  EXPECT_FALSE(commit(refused).succeeded);
  EXPECT_EQ(wait(store_->list(folder_))->items.size(), 1U);
  Seen seen = this->seen();
  const auto watch = store_->watch(folder_, origin_ + 2, seen.callbacks());
  for (std::size_t i = 0; i < limits.compares_max && i < 200; ++i) {
    txn.compares.push_back({Compare::Target::kModRevision, key("absent" + std::to_string(i)), 0});
  }
  const TxnReply reply = commit(txn);
  EXPECT_TRUE(reply.succeeded);
  EXPECT_EQ(reply.revision, origin_ + 2);
  ASSERT_EQ(reply.previous.size(), kWrites);
  EXPECT_EQ(reply.previous[700].value, "old");
  EXPECT_EQ(reply.previous[699].mod_revision, 0);
  ASSERT_TRUE(turn_until_seen(seen, 1));
  EXPECT_EQ(std::ranges::count(seen.batches.front(), '='), static_cast<std::ptrdiff_t>(kWrites) - 1);
  EXPECT_THAT(seen.batches.front(), ::testing::HasSubstr(" delete 700"));
}

TEST_P(StoreContract, AConditionOnAFolderSeesEveryWriteThere) {
  commit(put(key("a/1"), "x"));
  commit(put(key("b/1"), "x"));
  const auto attempt = [this](const std::string& folder, Revision since) {
    Txn txn = put(key("own"), "v");
    txn.unchanged.push_back({key(folder), since});
    const bool succeeded = commit(std::move(txn)).succeeded;
    return std::pair(succeeded, wait(store_->list(folder_))->revision);
  };
  EXPECT_EQ(attempt("b/", origin_ + 1), std::pair(false, origin_ + 2));
  EXPECT_EQ(attempt("a/", origin_ + 1), std::pair(true, origin_ + 3));
  EXPECT_EQ(attempt("none/", origin_ + 2), std::pair(true, origin_ + 4));
  // One that was there before and was written again.
  commit(put(key("a/1"), "y"));
  EXPECT_FALSE(attempt("a/", origin_ + 4).first);
  EXPECT_TRUE(attempt("a/", origin_ + 5).first);
}

TEST_P(StoreContract, AConditionOnAFolderIsAskedOfEachOfManyTransactions) {
  Txn first = put(key("a/1"), "x");
  first.unchanged.push_back({key("a/"), origin_});
  Txn second = put(key("a/2"), "x");
  second.unchanged.push_back({key("a/"), origin_});
  int succeeded = 0;
  int refused = 0;
  const auto run = [&](Txn txn) -> async::Task<void> {
    const auto reply = co_await store_->txn(std::move(txn));
    ++(reply && reply->succeeded ? succeeded : refused);
  };
  async::Scope scope(loop_);
  scope.spawn(run(std::move(first)));
  scope.spawn(run(std::move(second)));
  ASSERT_TRUE(turn_until(loop_, [&] { return succeeded + refused == 2; }));
  EXPECT_EQ(succeeded, 1);
}

TEST_P(StoreContract, AConditionOnAFolderSeesDeletesWhereItIsSaid) {
  commit(put(key("a/1"), "x"));
  commit({{}, {Delete{key("a/1")}}});
  Txn txn = put(key("own"), "v");
  txn.unchanged.push_back({key("a/"), origin_ + 1});
  EXPECT_EQ(commit(std::move(txn)).succeeded, !store_->txn_limits().sees_deletes);
}

// As many bytes as the limits say do fit; etcd sends them to watches in fragments.
TEST_P(StoreContract, ATransactionOfTheLargestSizeFits) {
  const TxnLimits limits = store_->txn_limits();
  const std::size_t value_bytes =
      std::min<std::size_t>(limits.bytes_max, 4U << 20) / 200 - folder_.size() - 3;
  Seen seen = this->seen();
  const auto watch = store_->watch(folder_, origin_ + 1, seen.callbacks());
  Txn txn;
  for (int i = 0; i < 200; ++i)
    txn.writes.emplace_back(Put{key(std::to_string(i)), std::string(value_bytes, 'x')});
  EXPECT_TRUE(commit(txn).succeeded);
  ASSERT_TRUE(turn_until_seen(seen, 1));
  EXPECT_EQ(std::ranges::count(seen.batches.front(), '='), 200);
}

TEST_P(StoreContract, DeletingWhatIsNotThereMakesNoRevision) {
  EXPECT_EQ(commit(remove(key("none"))).revision, origin_);
}

TEST_P(StoreContract, CompareAndSwap) {
  EXPECT_TRUE(commit(put_if(key("k"), "1", 0)).succeeded);
  const TxnReply lost = commit(put_if(key("k"), "2", 0));
  EXPECT_FALSE(lost.succeeded);
  EXPECT_EQ(lost.revision, origin_ + 1);
  EXPECT_TRUE(lost.previous.empty());
  EXPECT_TRUE(commit(put_if(key("k"), "2", origin_ + 1)).succeeded);
  EXPECT_EQ(wait(store_->get(key("k")))->value, "2");
  Txn created = put(key("k"), "3");
  created.compares.push_back({Compare::Target::kCreateRevision, key("k"), origin_ + 1});
  EXPECT_TRUE(commit(created).succeeded);
}

TEST_P(StoreContract, OneWriterWinsARace) {
  async::Scope scope(loop_);
  int won = 0;
  for (int i = 0; i < 50; ++i) {
    scope.spawn([](Store& store, std::string once, int& wins) -> async::Task<void> {
      const auto reply = co_await store.txn(put_if(std::move(once), "x", 0));
      if (reply && reply->succeeded) ++wins;
    }(*store_, key("once"), won));
  }
  ASSERT_TRUE(turn_until(loop_, [&] { return scope.empty(); }));
  EXPECT_EQ(won, 1);
}

TEST_P(StoreContract, RefusesAKeyWrittenTwiceAndALeaseThatIsNotThere) {
  Txn twice = put(key("k"), "1");
  twice.writes.emplace_back(Put{key("k"), "2"});
  const auto refused = wait(store_->txn(twice));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kInvalid);
  const auto no_lease = wait(store_->txn(put(key("k"), "1", 4711)));
  ASSERT_FALSE(no_lease);
  EXPECT_EQ(no_lease.error().code, base::ErrorCode::kNotFound);
  EXPECT_FALSE(wait(store_->get(key("k"))));
}

TEST_P(StoreContract, RefusesWhatIsTooLarge) {
  const auto refused = wait(store_->txn(put(key("k"), std::string((16U << 20) + 1, 'x'))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::ErrorCode::kTooLarge) << refused.error().what;
  EXPECT_EQ(commit(put(key("k"), "small")).revision, origin_ + 1);
}

TEST_P(StoreContract, WatchSeesItsPrefixFromItsRevisionOn) {
  commit(put(key("r/1"), "a"));
  commit(put(key("s/1"), "b"));
  Seen all = seen(), routes = seen(), late = seen();
  const auto all_watch = store_->watch(folder_, origin_ + 1, all.callbacks());
  const auto routes_watch = store_->watch(key("r/"), origin_ + 1, routes.callbacks());
  const auto late_watch = store_->watch(folder_, origin_ + 3, late.callbacks());
  EXPECT_TRUE(all.batches.empty()) << "called back from inside watch()";
  Txn both = put(key("r/2"), "c");
  both.writes.emplace_back(Delete{key("s/1")});
  commit(both);
  ASSERT_TRUE(turn_until_seen(all, 3));
  ASSERT_TRUE(turn_until_seen(late, 1));
  EXPECT_THAT(all.batches, ElementsAre("+1: put r/1=a", "+2: put s/1=b", "+3: put r/2=c delete s/1"));
  EXPECT_THAT(routes.batches, ElementsAre("+1: put r/1=a", "+3: put r/2=c"));
  EXPECT_THAT(late.batches, ElementsAre("+3: put r/2=c delete s/1"));
}

TEST_P(StoreContract, AWatchBehindAListMissesNothing) {
  commit(put(key("a"), "1"));
  const auto list = wait(store_->list(folder_));
  commit(put(key("a"), "2"));
  Seen seen = this->seen();
  const auto watch = store_->watch(folder_, list->revision + 1, seen.callbacks());
  commit(put(key("a"), "3"));
  ASSERT_TRUE(turn_until_seen(seen, 2));
  EXPECT_THAT(seen.batches, ElementsAre("+2: put a=2", "+3: put a=3"));
}

TEST_P(StoreContract, WatchCatchesUpOverManyTurns) {
  async::Scope scope(loop_);
  for (int i = 0; i < 1000; ++i) {
    scope.spawn([](Store& store, std::string name) -> async::Task<void> {
      (void)co_await store.txn(put(std::move(name), "x"));
    }(*store_, key(std::to_string(i))));
  }
  ASSERT_TRUE(turn_until(loop_, [&] { return scope.empty(); }));
  std::vector<Revision> revisions;
  const auto watch = store_->watch(
      folder_, origin_ + 1,
      {.on_batch = [&](const EventBatch& batch) { revisions.push_back(batch.revision); }, .on_lost = {}});
  ASSERT_TRUE(turn_until(loop_, [&] { return revisions.size() >= 1000; }));
  for (std::size_t i = 0; i < revisions.size(); ++i)
    ASSERT_EQ(revisions[i], origin_ + static_cast<Revision>(i) + 1);
}

TEST_P(StoreContract, AWatchAddedByACallbackGetsWhatItMissed) {
  for (int i = 0; i < 5; ++i) commit(put(key("k"), std::to_string(i)));
  Seen late = seen();
  std::unique_ptr<Watch> second;
  const auto first = store_->watch(folder_, origin_ + 3,
                                   {.on_batch =
                                        [&](const EventBatch&) {
                                          if (!second)
                                            second = store_->watch(folder_, origin_ + 1, late.callbacks());
                                        },
                                    .on_lost = {}});
  ASSERT_TRUE(turn_until_seen(late, 5));
  EXPECT_THAT(late.batches,
              ElementsAre("+1: put k=0", "+2: put k=1", "+3: put k=2", "+4: put k=3", "+5: put k=4"));
}

TEST_P(StoreContract, DestroyingAWatchEndsItAlsoFromItsCallback) {
  commit(put(key("a"), "1"));
  commit(put(key("a"), "2"));
  int calls = 0, other_calls = 0;
  std::unique_ptr<Watch> self, other;
  self = store_->watch(folder_, origin_ + 1,
                       {.on_batch =
                            [&](const EventBatch&) {
                              ++calls;
                              self.reset();
                              other.reset();
                            },
                        .on_lost = {}});
  other = store_->watch(folder_, origin_ + 1,
                        {.on_batch = [&](const EventBatch&) { ++other_calls; }, .on_lost = {}});
  ASSERT_TRUE(turn_until(loop_, [&] { return calls > 0; }));
  commit(put(key("a"), "3"));
  loop_.run_once(0);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(other_calls, 0);
}

TEST_P(StoreContract, ALeaseDeletesItsKeysAsOneTransaction) {
  const auto lease = wait(store_->grant_lease(1));
  ASSERT_TRUE(lease) << lease.error().what;
  Txn both = put(key("1"), "a", *lease);
  both.writes.emplace_back(Put{key("2"), "b", *lease});
  commit(both);
  EXPECT_EQ(wait(store_->get(key("1")))->lease, *lease);
  const auto kept = wait(store_->keep_lease_alive(*lease));
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_GE(*kept, 1);
  Seen seen = this->seen();
  const auto watch = store_->watch(folder_, origin_ + 2, seen.callbacks());
  ASSERT_TRUE(turn_until_seen(seen, 1));
  EXPECT_THAT(seen.batches, ElementsAre("+2: delete 1 delete 2"));
  const auto gone = wait(store_->keep_lease_alive(*lease));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, base::ErrorCode::kNotFound);
}

TEST_P(StoreContract, DestroyingAWaitingTaskIsSafe) {
  {
    auto task = store_->txn(put(key("k"), "1"));
    task.start();
  }
  std::optional<async::Task<base::Result<TxnReply>>> second(store_->txn(put(key("k"), "2")));
  second->start();
  loop_.run_once(0);
  second.reset();
  // They may still happen, and later than what follows: only other keys are certain.
  commit(put(key("other"), "3"));
  EXPECT_EQ(wait(store_->get(key("other")))->value, "3");
}

TEST_P(StoreContract, DestroyingTheStoreEndsWhatWaits) {
  auto task = store_->txn(put(key("k"), "1"));
  auto list = store_->list(folder_);
  task.start();
  list.start();
  Seen seen = this->seen();
  auto watch = store_->watch(folder_, origin_ + 1, seen.callbacks());
  store_.reset();
  ASSERT_TRUE(turn_until(loop_, [&] { return task.done() && list.done(); }));
  const auto reply = task.take_result();
  if (!reply) EXPECT_EQ(reply.error().code, base::ErrorCode::kClosed);
  EXPECT_TRUE(seen.batches.empty());
  watch.reset();
}

}  // namespace
}  // namespace apisix::store
