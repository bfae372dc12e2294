#include "worker/config/registry.h"

#include <optional>

#include <fmt/format.h>
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

  // Loads what was committed so far.
  Registry& load(std::vector<std::string> plugins = {}) {
    RegistryOptions options;
    options.plugins = std::move(plugins);
    Registry& registry = registry_.emplace(loop_, *store_, upstream::ClusterDeps{random_, loads_}, options);
    EXPECT_TRUE(wait_for(loop_, registry.load()));
    return registry;
  }
  void commit_and_apply(store::Txn txn) {
    const store::Revision written = commit(std::move(txn));
    EXPECT_TRUE(store::turn_until(loop_, [&] { return registry_->applied_revision() >= written; }));
  }
  // The id of the route that a request takes and its failure: "1", "1 404"; "" when none matches.
  std::string match(std::string_view path, std::string_view host = "") {
    base::Arena arena;
    plugin::RequestState request(arena, loop_.clock());
    request.head = arena.make<http::RequestHead>();
    request.head->method_text = "GET";
    request.target.path = request.target.match_path = path;
    request.target.host = host;
    const auto route = registry_->match(request);
    if (!route) return "";
    const std::uint16_t failure = route->runtime->failure;
    return failure == 0 ? route->id : route->id + ' ' + std::to_string(failure);
  }
  std::string user_of(resource::Kind used, std::string_view id, resource::Kind user) {
    return registry_->references().find_user(used, id, user, [](const std::string&) { return true; });
  }

  event::Loop loop_;
  base::Random random_{1};
  upstream::LoadRegistry loads_;
  std::unique_ptr<store::LocalStore> store_;
  std::optional<Registry> registry_;
};

using resource::Kind;

// Keys are listed in alphabetical order: the route comes before its service.
TEST_F(RegistryTest, ARouteInheritsTheHostsOfItsService) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/","service_id":"s"})"));
  commit(store::put("/apisix/services/s", R"({"id":"s","hosts":["a.example"]})"));
  load();
  EXPECT_EQ(match("/", "a.example"), "1");
  EXPECT_EQ(match("/", "b.example"), "");
  commit_and_apply(store::put("/apisix/services/s", R"({"id":"s","hosts":["b.example"]})"));
  EXPECT_EQ(match("/", "a.example"), "");
  EXPECT_EQ(match("/", "b.example"), "1");
}

TEST_F(RegistryTest, ARouteWithoutItsServiceIs404UntilTheServiceIsThere) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/","service_id":"s"})"));
  load();
  EXPECT_EQ(match("/"), "1 404");
  commit_and_apply(store::put("/apisix/services/s", R"({"id":"s"})"));
  EXPECT_EQ(match("/"), "1");
  commit_and_apply(store::remove("/apisix/services/s"));
  EXPECT_EQ(match("/"), "1 404");
}

TEST_F(RegistryTest, ARouteWithoutItsPluginConfigIs503UntilItIsThere) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/","plugin_config_id":"p"})"));
  load();
  EXPECT_EQ(match("/"), "1 503");
  commit_and_apply(store::put("/apisix/plugin_configs/p", R"({"id":"p","plugins":{}})"));
  EXPECT_EQ(match("/"), "1");
  commit_and_apply(store::remove("/apisix/plugin_configs/p"));
  EXPECT_EQ(match("/"), "1 503");
}

TEST_F(RegistryTest, ABadItemIsRejectedAloneAndItsLastGoodValueStays) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/old"})"));
  Registry& registry = load();
  store::Txn txn = store::put("/apisix/routes/1", R"({"id":"1","uri":"/new","filter_func":"x"})");
  txn.writes.emplace_back(store::Put{"/apisix/routes/2", R"({"id":"2","uri":"/two"})"});
  commit_and_apply(std::move(txn));
  EXPECT_EQ(match("/old"), "1");
  EXPECT_EQ(match("/new"), "");
  EXPECT_EQ(match("/two"), "2");
  ASSERT_EQ(registry.rejections().listed().size(), 1U);
  EXPECT_EQ(registry.rejections().listed().at("/apisix/routes/1").reason,
            "'filter_func' should be a function");
  commit_and_apply(store::put("/apisix/routes/1", R"({"id":"1","uri":"/new"})"));
  EXPECT_TRUE(registry.rejections().listed().empty());
  EXPECT_EQ(registry.rejections().total(), 1U);
  EXPECT_EQ(match("/new"), "1");
}

TEST_F(RegistryTest, ReferencesFollowWhatIsPutAndErased) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/","service_id":"s","upstream_id":1})"));
  commit(store::put("/apisix/services/s", R"({"id":"s","upstream_id":"2"})"));
  load();
  EXPECT_EQ(user_of(Kind::kService, "s", Kind::kRoute), "1");
  EXPECT_EQ(user_of(Kind::kUpstream, "1", Kind::kRoute), "1");
  EXPECT_EQ(user_of(Kind::kUpstream, "2", Kind::kService), "s");
  EXPECT_EQ(user_of(Kind::kUpstream, "2", Kind::kRoute), "");
  commit_and_apply(store::put("/apisix/routes/1", R"({"id":"1","uri":"/","upstream_id":"2"})"));
  EXPECT_EQ(user_of(Kind::kService, "s", Kind::kRoute), "");
  EXPECT_EQ(user_of(Kind::kUpstream, "1", Kind::kRoute), "");
  EXPECT_EQ(user_of(Kind::kUpstream, "2", Kind::kRoute), "1");
  commit_and_apply(store::remove("/apisix/routes/1"));
  commit_and_apply(store::remove("/apisix/services/s"));
  EXPECT_EQ(user_of(Kind::kUpstream, "2", Kind::kRoute), "");
  EXPECT_EQ(user_of(Kind::kUpstream, "2", Kind::kService), "");
}

TEST_F(RegistryTest, ReferencesFollowTheGroupsOfConsumers) {
  commit(store::put("/apisix/consumers/jack", R"({"username":"jack","group_id":"g","plugins":{}})"));
  commit(store::put("/apisix/consumers/jill", R"({"username":"jill","group_id":7,"plugins":{}})"));
  commit(store::put("/apisix/consumers/jill/credentials/c", R"({"id":"c","group_id":"g","plugins":{}})"));
  load();
  EXPECT_EQ(user_of(Kind::kConsumerGroup, "g", Kind::kConsumer), "jack");
  EXPECT_EQ(registry_->references().users_of(Kind::kConsumerGroup, "g").size(), 1U);
  EXPECT_EQ(user_of(Kind::kConsumerGroup, "7", Kind::kConsumer), "jill");
  commit_and_apply(store::put("/apisix/consumers/jack", R"({"username":"jack","plugins":{}})"));
  EXPECT_EQ(user_of(Kind::kConsumerGroup, "g", Kind::kConsumer), "");
  commit_and_apply(
      store::put("/apisix/consumers/jack", R"({"username":"jack","group_id":"7","plugins":{}})"));
  EXPECT_EQ(registry_->references().users_of(Kind::kConsumerGroup, "7").size(), 2U);
  commit_and_apply(store::remove("/apisix/consumers/jill"));
  EXPECT_EQ(user_of(Kind::kConsumerGroup, "7", Kind::kConsumer), "jack");
  commit_and_apply(store::remove("/apisix/consumers/jack"));
  commit_and_apply(store::remove("/apisix/consumers/jill/credentials/c"));
  EXPECT_TRUE(registry_->references().users_of(Kind::kConsumerGroup, "7").empty());
}

// The others' are the same objects as before.
TEST_F(RegistryTest, AChangedGroupMakesOnlyTheChainsOfItsConsumersAnew) {
  commit(store::put("/apisix/routes/1", R"({"id":"1","uri":"/"})"));
  for (const std::string_view group : {"a", "b"}) {
    commit(store::put(fmt::format("/apisix/consumer_groups/{}", group),
                      fmt::format(R"({{"id":"{}","plugins":{{"cors":{{}}}}}})", group)));
    commit(store::put(fmt::format("/apisix/consumers/of_{}", group),
                      fmt::format(R"({{"username":"of_{0}","group_id":"{0}","plugins":{{}}}})", group)));
  }
  Registry& registry = load({"cors"});
  base::Arena arena;
  plugin::RequestState request(arena, loop_.clock());
  request.head = arena.make<http::RequestHead>();
  request.head->method_text = "GET";
  request.target.path = request.target.match_path = "/";
  const auto route = registry.match(request);
  const auto chain_of = [&](std::string_view consumer) {
    const auto found = registry.plugin_directory().consumers().find_by_name(consumer);
    return registry.chain_with(*route, found).value();
  };
  const auto of_a = chain_of("of_a");
  const auto of_b = chain_of("of_b");
  EXPECT_EQ(chain_of("of_a"), of_a);
  commit_and_apply(store::put("/apisix/consumer_groups/a", R"({"id":"a","plugins":{"cors":{"max_age":9}}})"));
  EXPECT_NE(chain_of("of_a"), of_a);
  EXPECT_EQ(chain_of("of_b"), of_b);
  EXPECT_EQ(route->runtime->merged_chains.size(), 2U);
}

TEST_F(RegistryTest, OnlySomeKindsAreShownInForce) {
  for (const char* key : {"routes/1", "services/1", "upstreams/1", "stream_routes/1", "secrets/vault/1"})
    commit(store::put(std::string("/apisix/") + key, R"({"id":"1","nodes":{},"uri":"/"})"));
  const Registry& registry = load();
  for (const char* kind : {"routes", "services", "upstreams", "stream_routes"}) {
    EXPECT_EQ(registry.ids_in_force(kind), std::vector<std::string>{"1"}) << kind;
    const auto found = registry.find_in_force(kind, "1");
    ASSERT_TRUE(found) << kind;
    EXPECT_EQ(found->key, std::string("/apisix/") + kind + "/1");
    EXPECT_EQ(registry.known_item(found->key)->mod_revision, found->mod_revision);
  }
  for (const char* kind : {"consumers", "secrets", "nothing", ""}) {
    EXPECT_TRUE(registry.ids_in_force(kind).empty()) << kind;
    EXPECT_EQ(registry.known_item(std::string("/apisix/") + kind + "/1"), std::nullopt) << kind;
  }
  EXPECT_EQ(registry.known_item("/apisix/routes/2")->mod_revision, 0);
  EXPECT_EQ(registry.known_item("/apisix/services/1/graphql_cost_decorations/d"), std::nullopt);
}

TEST_F(RegistryTest, FoldersAndUnknownKindsAreNoObjects) {
  commit(store::put("/apisix/routes/", "init_dir"));
  commit(store::put("/apisix/data_plane/server_info/1", "no JSON"));
  const Registry& registry = load();
  EXPECT_TRUE(registry.rejections().listed().empty());
  EXPECT_EQ(registry.routes().size(), 0U);
  EXPECT_EQ(registry.changed_revision(), 2) << "a folder of a kind is a change, other keys are not";
}

TEST_F(RegistryTest, WhatIsToBeReadAgainIsNotTakenForAbsent) {
  const store::Revision written = commit(store::put("/apisix/services/1", R"({"id":"1"})"));
  SlowStore slow(loop_, *store_);
  Registry registry(loop_, slow, {random_, loads_}, {});
  ASSERT_TRUE(wait_for(loop_, registry.load()));
  EXPECT_EQ(registry.revision_of("/apisix/services/1"), written);
  EXPECT_EQ(registry.revision_of("/apisix/services/2"), 0);
  format::Json attributes(::Json::objectValue);
  attributes["prometheus"]["export_uri"] = "/other";
  ASSERT_TRUE(registry.reload_plugins({}, attributes));
  EXPECT_EQ(registry.revision_of("/apisix/services/1"), std::nullopt);
  EXPECT_EQ(registry.revision_of("/apisix/services/2"), 0);
  EXPECT_TRUE(store::turn_until(
      loop_, [&] { return registry.revision_of("/apisix/services/1") == std::optional(written); }));
}

// This registry has no redis client: limit-req cannot be built.
TEST_F(RegistryTest, APluginThatCannotBeBuiltCostsItsRouteAlone) {
  commit(store::put("/apisix/routes/bad", R"({"id":"bad","uri":"/bad","plugins":{"limit-req":{
      "rate":1,"burst":0,"key":"host","policy":"redis","redis_host":"127.0.0.1"}}})"));
  commit(store::put("/apisix/routes/good", R"({"id":"good","uri":"/good","plugins":{"cors":{}}})"));
  RegistryOptions options;
  options.plugins = {"limit-req", "cors"};
  Registry registry(loop_, *store_, {random_, loads_}, options);
  ASSERT_TRUE(wait_for(loop_, registry.load()));
  EXPECT_TRUE(registry.rejections().listed().empty());
  const auto failure_of = [&](std::string_view path) {
    base::Arena arena;
    plugin::RequestState request(arena, loop_.clock());
    request.head = arena.make<http::RequestHead>();
    request.head->method_text = "GET";
    request.target.path = request.target.match_path = path;
    const auto route = registry.match(request);
    return route ? int{route->runtime->failure} : -1;
  };
  EXPECT_EQ(failure_of("/bad"), 503);
  EXPECT_EQ(failure_of("/bad"), 503);
  EXPECT_EQ(failure_of("/good"), 0);
  ASSERT_EQ(registry.rejections().listed().size(), 1U);
  EXPECT_EQ(registry.rejections().total(), 1U);
  EXPECT_EQ(registry.rejections().listed().begin()->first, "/apisix/routes/bad");
  EXPECT_TRUE(registry.rejections().listed().begin()->second.reason.starts_with("plugin limit-req: "))
      << registry.rejections().listed().begin()->second.reason;
  EXPECT_GT(registry.rejections().listed().begin()->second.revision, 0);
}

}  // namespace
}  // namespace apisix::config
