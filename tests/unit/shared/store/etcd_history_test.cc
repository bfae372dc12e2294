#include "shared/store/etcd_history.h"

#include <gtest/gtest.h>

namespace apisix::store {
namespace {

Event put(const std::string& key, const std::string& value, Revision revision, Revision created = 0) {
  return {Event::Type::kPut,
          {.key = key,
           .value = value,
           .create_revision = created == 0 ? revision : created,
           .mod_revision = revision,
           .version = 1}};
}

Event gone(const std::string& key, Revision revision) {
  return {Event::Type::kDelete, {.key = key, .value = {}, .mod_revision = revision}};
}

EventBatch batch(std::vector<Event> events) {
  return {events.front().item.mod_revision, std::move(events)};
}

ListReply list(Revision revision, const std::vector<Event>& items) {
  ListReply out;
  out.revision = revision;
  for (const Event& each : items) out.items.push_back(each.item);
  return out;
}

TEST(EtcdHistory, NothingSeenHasNothingToProve) {
  EtcdHistory history;
  history.reset(list(9, {}));
  history.begin_proof();
  EXPECT_TRUE(history.is_proven());
  EXPECT_EQ(history.overlap_from(10), 10);
}

TEST(EtcdHistory, GoesOnWhenTheLastBatchesAreTheSame) {
  EtcdHistory history;
  for (Revision r = 10; r < 20; ++r) history.append(batch({put("/k", std::to_string(r), r)}));
  EXPECT_EQ(history.overlap_from(20), 16);
  history.begin_proof();
  for (Revision r = 16; r < 20; ++r) {
    EXPECT_FALSE(history.is_proven());
    EXPECT_TRUE(history.check(batch({put("/k", std::to_string(r), r)})));
  }
  EXPECT_TRUE(history.is_proven());
}

TEST(EtcdHistory, AnotherValueKeyRevisionOrKindIsAnotherHistory) {
  const EventBatch seen = batch({put("/k", "v", 10), gone("/l", 10)});
  const std::vector<EventBatch> others = {batch({put("/k", "w", 10), gone("/l", 10)}),
                                          batch({put("/m", "v", 10), gone("/l", 10)}),
                                          batch({put("/k", "v", 10, 5), gone("/l", 10)}),
                                          batch({gone("/k", 10), gone("/l", 10)}),
                                          batch({put("/k", "v", 10)}),
                                          batch({put("/k", "v", 11), gone("/l", 11)})};
  for (const EventBatch& other : others) {
    EtcdHistory history;
    history.append(seen);
    history.begin_proof();
    EXPECT_FALSE(history.check(other));
    EXPECT_FALSE(history.is_proven());
  }
}

TEST(EtcdHistory, AListIsProvenByTheBatchOfItsNewestItems) {
  EtcdHistory history;
  history.reset(list(15, {put("/a", "1", 7), put("/b", "2", 12), put("/c", "3", 12)}));
  EXPECT_EQ(history.overlap_from(16), 12);
  history.begin_proof();
  // The batch may have written more, which is gone since.
  EXPECT_TRUE(history.check(batch({put("/c", "3", 12), put("/d", "4", 12), put("/b", "2", 12)})));
  EXPECT_TRUE(history.is_proven());
  // Between that and the list there was nothing that is left: whatever comes cannot be judged.
  EXPECT_FALSE(history.check(batch({put("/e", "5", 13)})));

  history.begin_proof();
  EXPECT_FALSE(history.check(batch({put("/c", "3", 12)})));
}

TEST(EtcdHistory, BatchesTakeTheListsPlace) {
  EtcdHistory history;
  history.reset(list(15, {put("/a", "1", 7)}));
  history.append(batch({gone("/a", 16)}));
  EXPECT_EQ(history.overlap_from(17), 16);
  history.begin_proof();
  EXPECT_TRUE(history.check(batch({gone("/a", 16)})));
  EXPECT_TRUE(history.is_proven());
}

}  // namespace
}  // namespace apisix::store
