#include "shared/store/file_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts_of(const EventBatch& batch) {
  std::vector<std::string> out;
  for (const Event& event : batch.events) {
    out.push_back(event.type == Event::Type::kPut ? event.item.key + "=" + event.item.value
                                                  : "-" + event.item.key);
  }
  return out;
}

EventBatch replace(FileTable& table, std::vector<FileEntry> entries) {
  EventBatch batch = table.diff(std::move(entries));
  table.commit(batch);
  return batch;
}

std::vector<FileEntry> routes(const std::vector<std::string>& names) {
  std::vector<FileEntry> out;
  for (const std::string& name : names) out.push_back({"/apisix/routes/" + name, "{}"});
  return out;
}

// The ids of the routes in the order of their creation.
std::vector<std::string> order_of(const FileTable& table) {
  auto items = table.list("/apisix/routes/").items;
  std::ranges::sort(items, {}, &Item::create_revision);
  std::vector<std::string> out;
  for (const Item& item : items) out.push_back(item.key.substr(item.key.rfind('/') + 1));
  return out;
}

TEST(FileTable, TheFirstReadingIsOneRevision) {
  FileTable table(100);
  const EventBatch batch = replace(table, {{"/apisix/services/1", "s"}, {"/apisix/routes/1", "r"}});
  EXPECT_EQ(batch.revision, 101);
  EXPECT_THAT(texts_of(batch), ElementsAre("/apisix/services/1=s", "/apisix/routes/1=r"));
  EXPECT_EQ(table.revision(), 101);
  EXPECT_EQ(table.find("/apisix/services/1")->create_revision, 101);
  EXPECT_EQ(table.find("/apisix/services/1")->version, 1);
  EXPECT_EQ(table.list("/apisix/").items.size(), 2U);
  EXPECT_EQ(table.list("/apisix/routes/").items.size(), 1U);
}

TEST(FileTable, OnlyWhatDiffersChanges) {
  FileTable table(1);
  replace(table, {{"/a/upstreams/1", "x"}, {"/a/upstreams/2", "y"}, {"/a/upstreams/3", "z"}});
  const EventBatch batch =
      replace(table, {{"/a/upstreams/1", "x"}, {"/a/upstreams/2", "Y"}, {"/a/upstreams/4", "n"}});
  EXPECT_EQ(batch.revision, 3);
  EXPECT_THAT(texts_of(batch), ElementsAre("/a/upstreams/2=Y", "/a/upstreams/4=n", "-/a/upstreams/3"));
  EXPECT_EQ(batch.events.back().item.mod_revision, 3);
  EXPECT_EQ(table.find("/a/upstreams/1")->mod_revision, 2);
  EXPECT_EQ(table.find("/a/upstreams/2")->mod_revision, 3);
  EXPECT_EQ(table.find("/a/upstreams/2")->create_revision, 2);
  EXPECT_EQ(table.find("/a/upstreams/2")->version, 2);
  EXPECT_EQ(table.find("/a/upstreams/3"), nullptr);
}

TEST(FileTable, TheSameAgainIsNoRevision) {
  FileTable table(1);
  replace(table, routes({"a", "b"}));
  EXPECT_THAT(replace(table, routes({"a", "b"})).events, IsEmpty());
  EXPECT_EQ(table.revision(), 2);
}

TEST(FileTable, RoutesKeepTheOrderOfTheFile) {
  FileTable table(1);
  replace(table, routes({"b", "a", "c"}));
  EXPECT_THAT(order_of(table), ElementsAre("b", "a", "c"));
  EXPECT_EQ(replace(table, routes({"b", "n", "a", "c"})).events.size(), 1U) << "inserted: only itself";
  EXPECT_THAT(order_of(table), ElementsAre("b", "n", "a", "c"));
  EXPECT_EQ(replace(table, routes({"n", "a", "c", "b"})).events.size(), 1U) << "to the end: only itself";
  EXPECT_THAT(order_of(table), ElementsAre("n", "a", "c", "b"));
  replace(table, routes({"b", "c", "a", "n"}));
  EXPECT_THAT(order_of(table), ElementsAre("b", "c", "a", "n"));
  replace(table, routes({"c", "n"}));
  EXPECT_THAT(order_of(table), ElementsAre("c", "n"));
}

TEST(FileTable, AlwaysInsertingAtTheSamePlace) {
  FileTable table(1);
  std::vector<std::string> names = {"first", "last"};
  replace(table, routes(names));
  for (int i = 0; i < 60; ++i) {  // more often than a gap can be halved
    names.insert(names.begin() + 1, "r" + std::to_string(i));
    replace(table, routes(names));
    ASSERT_EQ(order_of(table), names);
  }
}

TEST(FileTable, TheOrderOfOtherKindsIsNoNews) {
  FileTable table(1);
  replace(table, {{"/a/upstreams/1", "x"}, {"/a/upstreams/2", "y"}});
  EXPECT_THAT(replace(table, {{"/a/upstreams/2", "y"}, {"/a/upstreams/1", "x"}}).events, IsEmpty());
}

}  // namespace
}  // namespace apisix::store
