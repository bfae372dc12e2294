// The tables that know no plugin and no socket: what is known, what is refused, what is shown.
#include <gtest/gtest.h>

#include "worker/config/known_items.h"
#include "worker/config/object_table.h"
#include "worker/config/rejections.h"
#include "worker/config/stored.h"

namespace apisix::config {
namespace {

store::Item item(std::string key, std::string value = "{}", store::Revision created = 2,
                 store::Revision modified = 2) {
  return {
      .key = std::move(key), .value = std::move(value), .create_revision = created, .mod_revision = modified};
}

TEST(StoredKey, TheFolderIsTheFirstPartBehindThePrefix) {
  const struct {
    const char* key;
    const char* folder;
    const char* id;
  } kCases[] = {
      {"/apisix/routes/1", "routes", "1"},
      {"/apisix/consumers/jack/credentials/c1", "consumers", "jack/credentials/c1"},
      {"/apisix/plugins", "plugins", ""},
      {"/apisix/routes/", "routes", ""},
      {"/apisix", "", ""},
      {"", "", ""},
  };
  for (const auto& [key, folder, id] : kCases) {
    const StoredKey split = StoredKey::of(key, "/apisix");
    EXPECT_EQ(split.folder, folder) << key;
    EXPECT_EQ(split.id, id) << key;
  }
}

TEST(Stored, OnlyObjectsAreTaken) {
  EXPECT_TRUE(parse_object(item("/apisix/routes/1", R"({"uri":"/"})")));
  const auto list = parse_object(item("/apisix/routes/1", "[]"));
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().what, "not a JSON object");
  EXPECT_FALSE(parse_object(item("/apisix/routes/1", "{")));
}

TEST(Stored, IdsAreTextsOrNumbers) {
  EXPECT_EQ(text_of(format::Json("a")), "a");
  EXPECT_EQ(text_of(format::Json(7)), "7");
  EXPECT_EQ(text_of(format::Json()), "");
}

TEST(KnownItems, AVersionIsRevisionsAndValue) {
  KnownItems known;
  known.put(item("/a", "x", 2, 5));
  EXPECT_TRUE(known.has(item("/a", "x", 2, 5)));
  EXPECT_FALSE(known.has(item("/a", "x", 2, 6)));
  EXPECT_FALSE(known.has(item("/a", "x", 3, 5)));
  EXPECT_FALSE(known.has(item("/a", "y", 2, 5))) << "a store that was restored may reuse a revision";
  EXPECT_FALSE(known.has(item("/b", "x", 2, 5)));
}

TEST(KnownItems, TheRevisionOfWhatIsNotThereIsZero) {
  KnownItems known;
  known.put(item("/a", "x", 2, 5));
  EXPECT_EQ(known.revision_of("/a"), 5);
  EXPECT_EQ(known.revision_of("/b"), 0);
  known.erase("/a");
  EXPECT_EQ(known.revision_of("/a"), 0);
  EXPECT_EQ(known.size(), 0U);
}

TEST(KnownItems, AForgottenVersionIsUnknownAndNotAbsent) {
  KnownItems known;
  known.put(item("/a", "x", 2, 5));
  known.put(item("/keep", "x", 2, 6));
  known.forget_versions([](std::string_view key) { return key == "/keep"; });
  EXPECT_EQ(known.revision_of("/a"), std::nullopt);
  EXPECT_EQ(known.revision_of("/keep"), 6);
  EXPECT_FALSE(known.has(item("/a", "x", 2, 5)));
  known.put(item("/a", "x", 2, 5));
  EXPECT_TRUE(known.has(item("/a", "x", 2, 5)));
}

TEST(KnownItems, WhatAListLacksIsMissing) {
  KnownItems known;
  for (const char* key : {"/a", "/b", "/c"}) known.put(item(key));
  store::ListReply list;
  list.items = {item("/a"), item("/bb"), item("/c")};
  EXPECT_EQ(known.missing_in(list), std::vector<std::string>{"/b"});
  EXPECT_EQ(known.missing_in({}).size(), 3U);
}

TEST(Rejections, AreCountedAndListed) {
  Rejections rejections;
  rejections.reject(item("/a", "x", 2, 5), "bad");
  ASSERT_EQ(rejections.listed().size(), 1U);
  EXPECT_EQ(rejections.listed().at("/a").revision, 5);
  EXPECT_EQ(rejections.listed().at("/a").reason, "bad");
  rejections.erase("/a");
  EXPECT_TRUE(rejections.listed().empty());
  EXPECT_EQ(rejections.total(), 1U) << "the count is of all since the start";
}

TEST(Rejections, AnotherReasonIsNoOtherRejection) {
  Rejections rejections;
  rejections.add({"/a", 5, "bad"});
  rejections.set_reason("/a", "worse");
  rejections.set_reason("/b", "unknown");
  EXPECT_EQ(rejections.listed().at("/a").reason, "worse");
  EXPECT_EQ(rejections.listed().size(), 1U);
  EXPECT_EQ(rejections.total(), 1U);
}

TEST(Rejections, TheListIsBoundedAndTheCountIsNot) {
  Rejections rejections;
  for (std::size_t i = 0; i < Rejections::kListedMax + 5; ++i) rejections.add({std::to_string(i), 1, "bad"});
  EXPECT_EQ(rejections.listed().size(), Rejections::kListedMax);
  EXPECT_EQ(rejections.total(), Rejections::kListedMax + 5);
}

TEST(ObjectTable, IdsAreInTheOrderOfCreationThenOfTheId) {
  TextTable table;
  ASSERT_TRUE(table.put("late", item("/k", "{}", 9)));
  ASSERT_TRUE(table.put("b", item("/k", "{}", 3)));
  ASSERT_TRUE(table.put("a", item("/k", "{}", 3)));
  EXPECT_EQ(table.ids_by_age(), (std::vector<std::string>{"a", "b", "late"}));
}

TEST(ObjectTable, TheLastValueIsInForce) {
  TextTable table;
  ASSERT_TRUE(table.put("1", item("/k", "old", 3, 3)));
  ASSERT_TRUE(table.put("1", item("/k", "new", 3, 8)));
  const auto found = table.find_in_force("1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, "new");
  EXPECT_EQ(found->create_revision, 3);
  EXPECT_EQ(found->mod_revision, 8);
  table.erase("1");
  EXPECT_EQ(table.find_in_force("1"), std::nullopt);
  table.erase("1");
  EXPECT_EQ(table.size(), 0U);
}

TEST(ObjectTable, AWalkSeesEveryIdOnce) {
  TextTable table;
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(table.put(std::to_string(i), item("/k")));
  IdWalk walk;
  int steps = 1;
  while (table.walk_ids(walk)) ++steps;
  EXPECT_GT(steps, 1);
  std::ranges::sort(walk.ids);
  EXPECT_EQ(walk.ids.size(), 5000U);
  EXPECT_EQ(std::ranges::adjacent_find(walk.ids), walk.ids.end());
}

}  // namespace
}  // namespace apisix::config
