#include "worker/config/registry.h"

#include <gtest/gtest.h>

#include "shared/async/awaiters.h"
#include "shared/store/local_store.h"
#include "tests/unit/shared/store/store_fixture.h"
#include "worker/upstream/cluster.h"

namespace apisix::config {
namespace {

using store::wait_for;

// Reading takes time, as over a network.
class SlowStore final : public store::Store {
 public:
  SlowStore(event::Loop& loop, store::Store& store) : loop_(loop), store_(store) {}

  async::Task<base::Result<store::Item>> get(std::string key) override { return store_.get(std::move(key)); }
  async::Task<base::Result<store::ListReply>> list(std::string prefix) override {
    co_await async::Sleep(loop_, 1);
    co_return co_await store_.list(std::move(prefix));
  }
  async::Task<base::Result<store::TxnReply>> txn(store::Txn txn) override {
    return store_.txn(std::move(txn));
  }
  async::Task<base::Result<store::LeaseId>> grant_lease(std::int64_t ttl_seconds) override {
    return store_.grant_lease(ttl_seconds);
  }
  async::Task<base::Result<std::int64_t>> keep_lease_alive(store::LeaseId lease) override {
    return store_.keep_lease_alive(lease);
  }
  std::unique_ptr<store::Watch> watch(std::string prefix, store::Revision from,
                                      store::WatchCallbacks callbacks) override {
    return store_.watch(std::move(prefix), from, std::move(callbacks));
  }
  std::string_view provider() const override { return store_.provider(); }

 private:
  event::Loop& loop_;
  store::Store& store_;
};

class RegistryTest : public store::StoreTest {
 protected:
  RegistryTest() {
    auto store = store::LocalStore::open(loop_, options_);
    EXPECT_TRUE(store) << store.error().what;
    store_ = std::move(*store);
  }
  store::Revision commit(store::Txn txn) {
    const auto done = wait_for(loop_, store_->txn(std::move(txn)));
    EXPECT_TRUE(done && done->succeeded);
    return done ? done->revision : 0;
  }

  event::Loop loop_;
  base::Random random_{1};
  upstream::LoadBook loads_;
  std::unique_ptr<store::LocalStore> store_;
};

TEST_F(RegistryTest, WhatIsToBeReadAgainIsNotTakenForAbsent) {
  const store::Revision written = commit(store::put("/apisix/services/1", R"({"id":"1"})"));
  SlowStore slow(loop_, *store_);
  Registry registry(loop_, slow, {random_, loads_}, {});
  ASSERT_TRUE(wait_for(loop_, registry.load()));
  EXPECT_EQ(registry.revision_of("/apisix/services/1"), written);
  EXPECT_EQ(registry.revision_of("/apisix/services/2"), 0);
  format::Json attributes(::Json::objectValue);
  attributes["prometheus"]["export_uri"] = "/other";
  registry.set_plugins({}, attributes);
  EXPECT_EQ(registry.revision_of("/apisix/services/1"), std::nullopt);
  EXPECT_EQ(registry.revision_of("/apisix/services/2"), 0);
  EXPECT_TRUE(store::turn_until(
      loop_, [&] { return registry.revision_of("/apisix/services/1") == std::optional(written); }));
}

TEST_F(RegistryTest, APluginOfSeveralGlobalRulesRunsForNoneAlsoWhereOneTurnsItOff) {
  commit(store::put("/apisix/global_rules/1", R"({"plugins":{"echo":{"body":"a"},"cors":{}}})"));
  commit(
      store::put("/apisix/global_rules/2", R"({"plugins":{"echo":{"body":"b","_meta":{"disable":true}}}})"));
  RegistryOptions options;
  options.plugins = {"echo", "cors"};
  Registry registry(loop_, *store_, {random_, loads_}, std::move(options));
  ASSERT_TRUE(wait_for(loop_, registry.load()));
  const auto& chain = registry.global_chain();
  ASSERT_TRUE(chain);
  ASSERT_EQ(chain->size(), 1u);
  EXPECT_EQ(chain->links()[0].conf->def().info.name, "cors");
}

}  // namespace
}  // namespace apisix::config
