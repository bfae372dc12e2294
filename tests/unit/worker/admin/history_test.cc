#include "worker/admin/history.h"

#include <gtest/gtest.h>

#include "shared/async/scope.h"
#include "shared/store/local_store.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::admin {
namespace {

using store::wait_for;

class HistoryTest : public store::StoreTest {
 protected:
  HistoryTest() {
    auto store = store::LocalStore::open(loop_, options_);
    EXPECT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
  }

  // An entry whose index record has about so many bytes.
  void write(const History& history, std::uint64_t at_ms, std::size_t bytes = 0) {
    const Author author{
        .name = std::string(bytes, 'x'), .address = *base::IpAddress::parse("10.0.0.7"), .request = "PUT /x"};
    const std::string id = make_history_id(at_ms, 1);
    store::Txn txn;
    txn.writes.emplace_back(
        store::Put{history.index_key(id), encode_history_index({}, "/apisix", author, at_ms, true), 0});
    txn.writes.emplace_back(store::Put{history.values_key(id), "[]", 0});
    EXPECT_TRUE(wait_for(loop_, store_->txn(std::move(txn)))->succeeded);
  }
  std::vector<std::uint64_t> listed(History& history) {
    std::vector<std::uint64_t> out;
    for (const HistoryEntry& entry : wait_for(loop_, history.list())->entries) out.push_back(entry.at_ms);
    return out;
  }
  std::size_t stored(const History& history) {
    return wait_for(loop_, store_->list(history.folder()))->items.size();
  }
  void trim(History& history) {
    bool done = false;
    async::Scope scope(loop_);
    scope.spawn([](History& all, bool& ended) -> async::Task<void> {
      co_await all.trim();
      ended = true;
    }(history, done));
    ASSERT_TRUE(store::turn_until(loop_, [&done] { return done; }));
  }

  event::Loop loop_;
  settings::Settings settings_;
  std::unique_ptr<store::LocalStore> store_;
};

TEST_F(HistoryTest, IsBoundedByEntriesAndAge) {
  settings_.deployment.admin.history = {.max_entries = 2, .max_age_days = 1};
  History history(loop_, *store_, settings_);
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  write(history, now_ms - 3);
  write(history, now_ms - 2);
  write(history, now_ms - 100'000'000);  // by a node whose clock is wrong, or long ago
  write(history, now_ms - 1);
  EXPECT_EQ(listed(history), (std::vector<std::uint64_t>{now_ms - 1, now_ms - 2}));
  trim(history);
  EXPECT_EQ(listed(history), (std::vector<std::uint64_t>{now_ms - 1, now_ms - 2}));
  EXPECT_LE(stored(history), 6U);
}

TEST_F(HistoryTest, IsBoundedByBytes) {
  History history(loop_, *store_, settings_);
  const std::uint64_t now_ms = loop_.clock().wall_ms();
  for (std::uint64_t i = 0; i < 20; ++i) write(history, now_ms + i, 1 << 20);
  EXPECT_EQ(listed(history).size(), 15U) << "of a little more than 1 MiB each";
  EXPECT_EQ(listed(history).front(), now_ms + 19);
  trim(history);
  EXPECT_EQ(stored(history), 30U);
}

}  // namespace
}  // namespace apisix::admin
