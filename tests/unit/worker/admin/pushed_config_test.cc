#include "worker/admin/pushed_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/store/local_store.h"
#include "tests/unit/shared/store/store_fixture.h"

namespace apisix::admin {
namespace {

using store::StoreTest;
using store::wait_for;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::vector<PushedList> parse(std::string_view body, bool is_yaml = false) {
  auto lists = parse_pushed_document(body, is_yaml);
  EXPECT_TRUE(lists) << lists.error().what;
  return lists ? std::move(*lists) : std::vector<PushedList>();
}

const PushedList& list_named(const std::vector<PushedList>& lists, std::string_view name) {
  for (const PushedList& list : lists) {
    if (list.name == name) return list;
  }
  ADD_FAILURE() << name;
  return lists.front();
}

TEST(PushedDocument, ListsAndVersions) {
  const auto lists =
      parse(R"({"routes":[{"id":"r","uri":"/a","modifiedIndex":4}],"routes_conf_version":7,"ssls":[]})");
  EXPECT_EQ(lists.size(), resource::kDocumentLists.size());
  const PushedList& routes = list_named(lists, "routes");
  EXPECT_EQ(routes.version, 7);
  EXPECT_EQ(routes.text, R"([{"id":"r","modifiedIndex":4,"uri":"/a"}])") << "kept as it was sent";
  ASSERT_EQ(routes.items.size(), 1U);
  EXPECT_EQ(routes.items[0].item.key, "/routes/r");
  EXPECT_EQ(routes.items[0].text, R"({"id":"r","uri":"/a"})") << "stored without what is the document's";
  EXPECT_EQ(routes.items[0].modified_index, 4);
  EXPECT_TRUE(list_named(lists, "ssls").text.empty());
  EXPECT_TRUE(list_named(lists, "ssls").is_present) << "and empty";
  EXPECT_FALSE(list_named(lists, "services").is_present);
  EXPECT_TRUE(list_named(lists, "services").version.isNull());
}

TEST(PushedDocument, WhatIsNoListIsTold) {
  const auto lists = parse(R"({"routes":"text","services":{},"upstreams":null,"consumers":{"a":1}})");
  EXPECT_FALSE(list_named(lists, "routes").is_list);
  EXPECT_TRUE(list_named(lists, "services").is_list) << "in Lua, an empty object is an empty list";
  EXPECT_TRUE(list_named(lists, "upstreams").is_list);
  EXPECT_FALSE(list_named(lists, "consumers").is_list);
}

TEST(PushedDocument, IdentitiesOfConsumersAndCredentials) {
  const auto lists = parse(
      R"({"consumers":[{"username":"jack"},{"id":"jack/credentials/c1"},{"plugins":{}}],"routes":[{},7]})");
  const auto& consumers = list_named(lists, "consumers").items;
  EXPECT_EQ(consumers[0].identity, "\"jack\"");
  EXPECT_EQ(consumers[1].identity, "\"jack/credentials/c1\"");
  EXPECT_EQ(consumers[1].item.kind, resource::Kind::kCredential);
  const auto& routes = list_named(lists, "routes").items;
  EXPECT_TRUE(routes[0].identity.empty());
  EXPECT_EQ(routes[0].item.key, "/routes/arr_1");
  EXPECT_FALSE(routes[1].item.kind) << "no object";
}

TEST(PushedDocument, Yaml) {
  const auto lists = parse("routes:\n- id: 1\n  plugins:\n    key-auth:\n", true);
  EXPECT_EQ(list_named(lists, "routes").items[0].text, R"({"id":1,"plugins":{"key-auth":{}}})");
}

TEST(PushedDocument, Refused) {
  EXPECT_EQ(parse_pushed_document("{abcd", false).error().what,
            "Expected object key string but found invalid token at character 2");
  EXPECT_EQ(parse_pushed_document("[]", false).error().what, "expected an object of lists");
  EXPECT_EQ(parse_pushed_document("a: [", true).error().what, "invalid yaml request body");
  EXPECT_EQ(parse_pushed_document("- a", true).error().what, "invalid yaml request body");
}

class PushedConfigTest : public StoreTest {
 protected:
  PushedConfigTest() {
    auto store = store::LocalStore::open(loop_, options_);
    EXPECT_TRUE(store);
    store_ = std::move(*store);
    config_ = std::make_unique<PushedConfig>(loop_, *store_, settings_);
  }

  // A push that replaces every list; the writes.
  std::vector<std::string> push(std::string_view body, const std::string& digest) {
    const auto lists = parse(body);
    auto before = wait_for(loop_, config_->read_meta());
    const auto stored = wait_for(loop_, config_->read_items());
    PushedMeta after = *before;
    after.digest = digest;
    for (const PushedList& list : lists) after.versions[list.name] = 1;
    const std::vector<bool> changed(lists.size(), true);
    const auto changes = config_->changes(lists, changed, *stored, *before);
    EXPECT_TRUE(commit(changes, config_->records(lists, changed, *stored, *before, after)));
    std::vector<std::string> out;
    for (const Change& change : changes)
      out.push_back(change.after ? change.key + "=" + *change.after : "-" + change.key);
    return out;
  }
  // As ChangeWriter writes it, but for the history.
  bool commit(const std::vector<Change>& changes, store::Txn txn) {
    for (const Change& change : changes) {
      if (change.after) {
        txn.writes.emplace_back(store::Put{change.key, *change.after, 0});
      } else {
        txn.writes.emplace_back(store::Delete{change.key});
      }
    }
    const auto done = wait_for(loop_, store_->txn(txn));
    return done && done->succeeded;
  }
  // What something else than a push does to objects, with the document behind it.
  bool change(const std::vector<Change>& changes) {
    auto records = wait_for(loop_, config_->edit(changes));
    EXPECT_TRUE(records) << records.error().what;
    return records && commit(changes, std::move(*records));
  }
  format::Json document() {
    return format::parse_json(wait_for(loop_, config_->read_document())->text).value();
  }

  event::Loop loop_;
  settings::Settings settings_;
  std::unique_ptr<store::LocalStore> store_;
  std::unique_ptr<PushedConfig> config_;
};

TEST_F(PushedConfigTest, NothingWasPushed) {
  const auto meta = wait_for(loop_, config_->read_meta());
  ASSERT_TRUE(meta);
  EXPECT_FALSE(meta->exists);
  EXPECT_EQ(meta->version_of("routes"), 0);
  const auto shown = wait_for(loop_, config_->read_document());
  ASSERT_TRUE(shown);
  EXPECT_FALSE(shown->meta.exists);
  EXPECT_EQ(shown->text.find("X-Digest"), std::string::npos);
  EXPECT_NE(shown->text.find(R"("routes_conf_version":0)"), std::string::npos);
}

TEST_F(PushedConfigTest, OnlyWhatDiffersIsWritten) {
  EXPECT_THAT(push(R"({"routes":[{"id":"a"},{"id":"b"}],"upstreams":[{"id":"u"}]})", "1"),
              UnorderedElementsAre(R"(/apisix/routes/a={"id":"a"})", R"(/apisix/routes/b={"id":"b"})",
                                   R"(/apisix/upstreams/u={"id":"u"})"));
  EXPECT_THAT(push(R"({"routes":[{"id":"a"},{"id":"b","desc":"new"},{"id":"c"}]})", "2"),
              UnorderedElementsAre(R"(/apisix/routes/b={"desc":"new","id":"b"})",
                                   R"(/apisix/routes/c={"id":"c"})", "-/apisix/upstreams/u"));
  const auto meta = wait_for(loop_, config_->read_meta());
  EXPECT_EQ(meta->digest, "2");
  const auto value = document();
  EXPECT_EQ(value["routes"].size(), 3U);
  EXPECT_FALSE(value.isMember("upstreams"));
}

TEST_F(PushedConfigTest, TheSameModifiedIndexIsNoChange) {
  push(R"({"routes":[{"id":"a","uri":"/1","modifiedIndex":1}]})", "1");
  EXPECT_THAT(push(R"({"routes":[{"id":"a","uri":"/2","modifiedIndex":1}]})", "2"), ElementsAre());
  EXPECT_THAT(push(R"({"routes":[{"id":"a","uri":"/2","modifiedIndex":2}]})", "3"),
              ElementsAre(R"(/apisix/routes/a={"id":"a","uri":"/2"})"));
  EXPECT_THAT(push(R"({"routes":[{"id":"a","uri":"/3"}]})", "4"),
              ElementsAre(R"(/apisix/routes/a={"id":"a","uri":"/3"})"))
      << "without an index the content counts";
}

TEST_F(PushedConfigTest, ListsThatStayAreNotTouched) {
  push(R"({"routes":[{"id":"a"}],"upstreams":[{"id":"u"}]})", "1");
  const auto lists = parse(R"({"routes":[{"id":"b"}]})");
  const auto before = wait_for(loop_, config_->read_meta());
  const auto stored = wait_for(loop_, config_->read_items());
  std::vector<bool> changed;
  for (const PushedList& list : lists) changed.push_back(list.name == "upstreams");
  for (const Change& change : config_->changes(lists, changed, *stored, *before))
    EXPECT_FALSE(change.key.contains("routes")) << change.key;
  const store::Txn txn = config_->records(lists, changed, *stored, *before, *before);
  for (const store::Write& write : txn.writes) {
    const auto* put = std::get_if<store::Put>(&write);
    const std::string& key = put != nullptr ? put->key : std::get<store::Delete>(write).key;
    EXPECT_FALSE(key.contains("routes")) << key;
  }
}

TEST_F(PushedConfigTest, ALatePushLoses) {
  push(R"({"routes":[{"id":"a"}]})", "1");
  const auto lists = parse(R"({"routes":[]})");
  const auto before = wait_for(loop_, config_->read_meta());
  const auto stored = wait_for(loop_, config_->read_items());
  const store::Txn late =
      config_->records(lists, std::vector<bool>(lists.size(), true), *stored, *before, *before);
  push(R"({"routes":[{"id":"b"}]})", "2");
  EXPECT_FALSE(wait_for(loop_, store_->txn(late))->succeeded);
  EXPECT_TRUE(wait_for(loop_, store_->get("/apisix/routes/b")));
}

TEST_F(PushedConfigTest, TheDocumentFollowsWhatChangesItsObjects) {
  push(R"({"routes":[{"id":1,"uri":"/1","modifiedIndex":7},{"uri":"/no-id"}],"upstreams":[{"id":"u"}]})",
       "1");
  const std::string text = R"({"id":"1","uri":"/changed"})";
  const store::Item some{.key = "k", .value = "{}", .mod_revision = 2};
  EXPECT_TRUE(
      change({{.key = "/apisix/routes/1", .after = text, .before = some},
              {.key = "/apisix/upstreams/u", .after = std::nullopt, .before = some},
              {.key = "/apisix/consumers/jack/credentials/c", .after = R"({"id":"c"})", .before = {}}}));
  const auto value = document();
  EXPECT_EQ(format::to_json(value["routes"]),
            R"([{"id":"1","uri":"/changed"},{"id":"arr_2","uri":"/no-id"}])");
  EXPECT_FALSE(value.isMember("upstreams"));
  EXPECT_EQ(format::to_json(value["consumers"]), R"([{"id":"jack/credentials/c"}])");
  EXPECT_EQ(value["routes_conf_version"], 1) << "it is the pusher's";
  EXPECT_TRUE(value["X-Digest"].asString().starts_with("changed-"));
  const auto meta = wait_for(loop_, config_->read_meta());
  EXPECT_THAT(meta->edited, ElementsAre("consumers", "routes", "upstreams"));
  EXPECT_TRUE(meta->modified_indexes.empty());
  // What is pushed next with the index that the pusher knows is a change.
  EXPECT_THAT(push(R"({"routes":[{"id":1,"uri":"/1","modifiedIndex":7}]})", "2"),
              ::testing::Contains(R"(/apisix/routes/1={"id":1,"uri":"/1"})"));
  EXPECT_TRUE(wait_for(loop_, config_->read_meta())->edited.empty());
}

TEST_F(PushedConfigTest, AnEditLosesToAPush) {
  push(R"({"routes":[{"id":"a"}]})", "1");
  const std::vector<Change> changes = {{.key = "/apisix/routes/a", .after = std::nullopt, .before = {}}};
  auto records = wait_for(loop_, config_->edit(changes));
  ASSERT_TRUE(records);
  push(R"({"routes":[{"id":"b"}]})", "2");
  EXPECT_FALSE(commit(changes, std::move(*records)));
}

TEST_F(PushedConfigTest, ADocumentThatBecomesTooLargeIsRefused) {
  settings_.nginx_config.meta_lua_shared_dict_bytes["standalone-config"] = 100;
  PushedConfig small(loop_, *store_, settings_);
  const std::string text = R"({"id":"a","desc":")" + std::string(100, 'x') + R"("})";
  const auto records =
      wait_for(loop_, small.edit({{.key = "/apisix/routes/a", .after = text, .before = {}}}));
  ASSERT_FALSE(records);
  EXPECT_EQ(records.error().code, base::ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace apisix::admin
