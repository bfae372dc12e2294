#include "worker/admin/history_view.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace apisix::admin {
namespace {

HistoryEntry entry_of(std::size_t count) {
  HistoryEntry out;
  for (std::size_t i = 0; i < count; ++i) out.changes.push_back({.key = fmt::format("/routes/{}", i)});
  return out;
}

TEST(HistoryView, AShortEntryIsListedWhole) {
  const auto shown = listed_entry_json(entry_of(kEntryChangesListed), "/routes/1");
  EXPECT_EQ(shown["changes"].size(), kEntryChangesListed);
  EXPECT_EQ(shown["changes"][0]["resource_id"], "0");
  EXPECT_FALSE(shown.isMember("left_out"));
}

TEST(HistoryView, OfALongOneWhatWasAskedForComesFirst) {
  HistoryEntry entry = entry_of(4000);
  entry.left_out = 5;
  entry.changes.push_back({.key = "/upstreams/u", .is_delete = true});
  const auto shown = listed_entry_json(entry, "/upstreams/");
  ASSERT_EQ(shown["changes"].size(), kEntryChangesListed);
  EXPECT_EQ(shown["changes"][0]["action"], "delete");
  EXPECT_EQ(shown["changes"][0]["resource_type"], "upstreams");
  EXPECT_EQ(shown["changes"][1]["resource_id"], "0");
  EXPECT_EQ(shown["left_out"].asUInt64(), 4001 + 5 - kEntryChangesListed);
  EXPECT_EQ(entry_json(entry)["changes"].size(), 4001U);
}

}  // namespace
}  // namespace apisix::admin
