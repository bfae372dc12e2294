#include "worker/admin/history_entry.h"

#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

const Author kAuthor{.name = "ci", .address = *base::IpAddress::parse("10.0.0.7"), .request = "PUT /x"};

std::vector<Change> changes() {
  return {{.key = "/apisix/routes/1",
           .after = R"({"uri":"/a \"quoted\""})",
           .before = {.key = "/apisix/routes/1", .value = "{}", .create_revision = 3, .mod_revision = 5}},
          {.key = "/apisix/routes/2",
           .after = std::nullopt,
           .before = {.key = "k", .value = "old", .mod_revision = 6}},
          {.key = "/apisix/routes/3", .after = "new", .before = {}}};
}

store::Item item(std::string value) {
  return {.key = "k", .value = std::move(value), .create_revision = 9, .mod_revision = 9};
}

TEST(HistoryEntry, IsReadAsItWasWritten) {
  auto entry = decode_history_index(
      "id1", item(encode_history_index(changes(), "/apisix", kAuthor, 1'700'000'000'123, true)));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->id, "id1");
  EXPECT_EQ(entry->revision, 9);
  EXPECT_EQ(entry->at_ms, 1'700'000'000'123U);
  EXPECT_EQ(entry->by, "ci");
  EXPECT_EQ(entry->from, "10.0.0.7");
  EXPECT_EQ(entry->request, "PUT /x");
  ASSERT_EQ(entry->changes.size(), 3U);
  EXPECT_EQ(entry->changes[0].key, "/routes/1");
  EXPECT_EQ(entry->changes[0].before_revision, 5);
  EXPECT_TRUE(entry->changes[1].is_delete);
  ASSERT_TRUE(add_history_values(encode_history_values(changes()), *entry));
  EXPECT_EQ(entry->changes[0].before, "{}");
  EXPECT_EQ(entry->changes[0].after, R"({"uri":"/a \"quoted\""})");
  EXPECT_EQ(entry->changes[1].before, "old");
  EXPECT_EQ(entry->changes[1].after, std::nullopt);
  EXPECT_EQ(entry->changes[2].before, std::nullopt);
}

TEST(HistoryEntry, OfMoreChangesThanItListsItSaysHowManyAreLeftOut) {
  const std::vector<Change> many(kHistoryChangesMax + 7, changes().front());
  const auto entry =
      decode_history_index("i", item(encode_history_index(many, "/apisix", kAuthor, 1, false)));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->changes.size(), kHistoryChangesMax);
  EXPECT_EQ(entry->left_out, 7U);
}

TEST(HistoryEntry, DamageIsNoEntry) {
  for (const char* text : {"", "{", "[]", "1", "{}", R"({"at_ms": "x"})", R"({"at_ms": -1})"}) {
    EXPECT_FALSE(decode_history_index("i", item(text))) << text;
  }
  auto entry = decode_history_index("i", item(R"({"at_ms": 5, "changes": [1, {"key": 7, "before": "x"}]})"));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->changes.size(), 2U);
  for (const char* text : {"", "{}", "[]", "[[1,2]]", "[[1,2],[],[]]"}) {
    EXPECT_FALSE(add_history_values(text, *entry)) << text;
  }
  EXPECT_TRUE(add_history_values("[5,[1,2]]", *entry));
}

TEST(HistoryEntry, IdsAreInTheOrderOfTime) {
  EXPECT_LT(make_history_id(999, 7), make_history_id(1000, 3));
  EXPECT_NE(make_history_id(5, 1), make_history_id(5, 2));
}

}  // namespace
}  // namespace apisix::admin
