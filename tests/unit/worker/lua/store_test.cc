// core.etcd and the objects of core.config, over an embedded store.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "shared/store/local_store.h"
#include "tests/fakes/lua_state.h"

namespace apisix::lua {
namespace {

class LuaStore : public ::testing::Test {
 protected:
  LuaStore() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lua_store_test.XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    store::LocalStoreOptions options;
    options.path = root_ + "/data/store.mdb";
    auto store = store::LocalStore::open(lua_.loop(), options);
    EXPECT_TRUE(store.has_value());
    lua_.set_store(std::move(*store));
    eval(
        "etcd = require('apisix.core.etcd') config = require('apisix.core.config') "
        "function wait_until(test) for i = 1, 200 do local found = test() if found then return found end "
        "ngx.sleep(0.01) end return 'never' end");
  }
  ~LuaStore() override { std::filesystem::remove_all(root_); }

  std::string eval(std::string_view chunk) { return lua_.eval(chunk); }

 private:
  std::string root_;
  LuaState lua_;
};

TEST_F(LuaStore, EtcdGivesWhatWasSet) {
  EXPECT_EQ(eval("local res = etcd.set('/things/1', {name = 'a'}) "
                 "return res.status, res.body.node.key, res.body.action"),
            "201|/apisix/things/1|set");
  EXPECT_EQ(eval("local res = etcd.get('/things/1') return res.status, res.body.node.value.name, "
                 "res.body.node.modifiedIndex == tonumber(res.headers['X-Etcd-Index'])"),
            "200|a|true");
  EXPECT_EQ(eval("return etcd.set('/things/1', 'text').status, etcd.get('/things/1').body.node.value"),
            "200|text");
  EXPECT_EQ(eval("local res = etcd.get('/things/2') return res.status, res.body.message, res.reason"),
            "404|Key not found|Not found");
}

TEST_F(LuaStore, EtcdListsAFolder) {
  EXPECT_EQ(eval("etcd.set('/things/1', {n = 1}) etcd.set('/things/2', {n = 2}) "
                 "local node = etcd.get('/things', true).body.node "
                 "return node.dir, node.key, #node.nodes, node.nodes[2].value.n"),
            "true|/apisix/things|2|2");
  EXPECT_EQ(eval("return etcd.rmdir('/things/').body.deleted, etcd.get('/things', true).status"), "2|404");
}

TEST_F(LuaStore, EtcdDeletesAndPushes) {
  EXPECT_EQ(eval("etcd.set('/things/1', 1) return etcd.delete('/things/1').body.deleted, "
                 "etcd.delete('/things/1').status"),
            "1|404");
  EXPECT_EQ(eval("local res = etcd.push('/things', {n = 1}) local id = res.body.node.value.id "
                 "return res.status, #id, res.body.node.key == '/apisix/things/' .. id, res.body.action, "
                 "etcd.get('/things/' .. id).body.node.value.n"),
            "201|20|true|create|1");
}

TEST_F(LuaStore, EtcdWritesOnlyWhatHasNotChanged) {
  EXPECT_EQ(
      eval("etcd.set('/a', 1) local seen = etcd.get('/a').body.node.modifiedIndex "
           "local first = etcd.atomic_set('/a', 2, nil, seen) local second, err = etcd.atomic_set('/a', "
           "3, nil, seen) return first.body.action, second, err, etcd.get('/a').body.node.value"),
      "compareAndSwap|nil|value changed before overwritten|2");
}

TEST_F(LuaStore, EtcdKeepsLeasesAlive) {
  EXPECT_EQ(eval("local res = etcd.set('/a', 1, 60) local kept = etcd.keepalive(res.body.lease_id) "
                 "return kept.status, kept.body.result.TTL"),
            "200|60");
  EXPECT_EQ(eval("local res, err = etcd.keepalive('123456') return res, err ~= nil"), "nil|true");
}

TEST_F(LuaStore, ConfigObjectsFollowTheStore) {
  EXPECT_EQ(
      eval("etcd.set('/things/1', {n = 1}) seen = {} "
           "things = config.new('/things', {automatic = true, item_schema = {type = 'object', required = "
           "{'n'}}, filter = function(item) seen[#seen + 1] = item.value.n end}) "
           "local early = things:get('1') "
           "wait_until(function() return things:get('1') end) "
           "local one = things:get('1') "
           "return early, one.value.n, one.value.id, one.key, things.conf_version, #things.values, "
           "things == config.fetch_created_obj('/things')"),
      "nil|1|1|/apisix/things/1|1|1|true");
  EXPECT_EQ(
      eval("local before = things.conf_version etcd.set('/things/1', {n = 2}) etcd.set('/things/2', {n = "
           "3}) return wait_until(function() return things:get('2') and things:get('1').value.n end), "
           "things.conf_version > before, table.concat(seen, ',')"),
      "2|true|1,2,3");
  EXPECT_EQ(eval("etcd.delete('/things/1') return wait_until(function() return not things:get('1') end), "
                 "things.values[1], #things.values"),
            "true|false|2");
}

TEST_F(LuaStore, ConfigObjectsKeepTheLastGoodValue) {
  EXPECT_EQ(eval("etcd.set('/things/1', {n = 1}) cleaned = 0 "
                 "things = config.new('/things', {automatic = true, checker = function(value) "
                 "return value.n ~= 13, 'thirteen' end}) wait_until(function() return things:get('1') end) "
                 "things:get('1').clean_handlers[1] = function() cleaned = cleaned + 1 end "
                 "etcd.set('/things/1', {n = 13}) etcd.set('/things/2', {n = 2}) "
                 "wait_until(function() return things:get('2') end) "
                 "local kept = things:get('1').value.n etcd.set('/things/1', {n = 3}) "
                 "return kept, wait_until(function() return things:get('1').value.n == 3 end), cleaned"),
            "1|true|1");
}

TEST_F(LuaStore, ASingleItemIsAnObjectOfItsOwn) {
  EXPECT_EQ(eval("etcd.set('/switch', {on = true}) "
                 "local one = config.new('/switch', {automatic = true, single_item = true}) "
                 "wait_until(function() return one.values and one.values[1] end) "
                 "return one.values[1].value.on, one.values[1].value.id"),
            "true|nil");
  EXPECT_EQ(eval("return config.new(nil, {automatic = true})"), "nil|missing `key` argument");
}

}  // namespace
}  // namespace apisix::lua
