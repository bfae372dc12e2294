#include "shared/memory/zones.h"

#include <set>

#include <gtest/gtest.h>
#include <unistd.h>

#include "shared/memory/instance_metrics.h"

namespace apisix::memory {
namespace {

ZonePlan small_plan() {
  ZonePlan plan{.bytes = {{"plugin-limit-count", 1 << 16}, {"prometheus-metrics", 1 << 20}}, .workers = 2};
  return plan;
}

TEST(Zones, SizesComeFromThePlan) {
  auto zones = Zones::create(small_plan());
  ASSERT_TRUE(zones);
  EXPECT_LT(zones->limit_count.zone().bytes(), 200'000u);
  EXPECT_GT(zones->api_breaker.zone().bytes(), 10'000'000u) << "the default";
}

// Of zones that take several slices, too.
TEST(Zones, FreeSpaceIsWhatWasNotTouched) {
  auto zones = std::move(*Zones::create(small_plan()));
  const std::string_view name = "shared_dict_free_space_bytes{name=\"plugin-api-breaker\"} ";
  const auto free_bytes = [&] {
    const std::string text = instance_metrics_text(zones, "");
    return std::stoul(text.substr(text.find(name) + name.size()));
  };
  const std::size_t before = free_bytes();
  const std::size_t bytes = zones.api_breaker.zone().bytes();
  EXPECT_LE(before, bytes + 4095);
  EXPECT_GT(before, bytes / 2);
  *zones.api_breaker.zone().at(bytes - 1) = std::byte{0};
  *zones.api_breaker.zone().at(bytes / 2) = std::byte{0};
  EXPECT_EQ(before - free_bytes(), 2 * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

TEST(Zones, ReclaimReturnsLeasesAndKeepsCounts) {
  auto zones = std::move(*Zones::create(small_plan()));
  StatusSlot* slot = zones.status.claim(ChildRole::kWorker, 0, 1);
  ASSERT_TRUE(zones.status.claim(ChildRole::kWorker, 1, 1));
  StatusSlot* third = zones.status.claim(ChildRole::kWorker, 2, 1);
  EXPECT_EQ(zones.owner_of(*slot), 0u);
  EXPECT_EQ(zones.owner_of(*third), 2u);
  zones.limit_conn.acquire("key", 9, zones.owner_of(*third), 1000);
  zones.limit_conn_stream.acquire("key", 9, zones.owner_of(*third), 1000);
  zones.limit_conn.acquire("key", 9, zones.owner_of(*slot), 1000);
  zones.reclaim(*third);
  EXPECT_EQ(zones.limit_conn.in_use("key", 1000), 1u);
  EXPECT_EQ(zones.limit_conn_stream.in_use("key", 1000), 0u);
  EXPECT_EQ(third->state.load(), ChildState::kFree);
}

TEST(Zones, NewBinaryOpensWhatItInherits) {
  auto old = std::move(*Zones::create(small_plan()));
  old.limit_count.set("key", 42, 0, 1000);
  old.limit_req.take("key", 1, 0, true, 1000);
  StatusSlot* slot = old.status.claim(ChildRole::kWorker, 0, 1);
  slot->connections.requests.add(5);
  std::map<std::string, int> fds;
  for (const auto& handle : old.handles()) fds[handle.name] = ::dup(handle.fd);
  ASSERT_EQ(fds.size(), old.handles().size()) << "names are unique";

  std::vector<std::string> notes;
  auto opened = Zones::open(small_plan(), [&fds](const std::string& name) { return fds.at(name); }, notes);
  ASSERT_TRUE(opened);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(opened->limit_count.get("key", 1000)->value, 42);
  EXPECT_FALSE(opened->limit_req.take("key", 1, 0, true, 1000).is_granted);
  EXPECT_EQ(opened->status.totals().requests, 5u);
}

TEST(Zones, ZoneOfAnotherLayoutStartsEmptyAndSaysSo) {
  auto old = std::move(*Zones::create(small_plan()));
  old.limit_count.set("key", 42, 0, 1000);
  std::vector<std::string> notes;
  auto opened = Zones::open(
      small_plan(),
      [&old](const std::string& name) {
        // The dictionary's descriptor under the name of another kind.
        return name == "plugin-limit-req" ? ::dup(old.limit_count.zone().fd()) : -1;
      },
      notes);
  ASSERT_TRUE(opened);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("plugin-limit-req"), std::string::npos) << notes[0];
  EXPECT_FALSE(opened->limit_count.get("key", 1000));
}

}  // namespace
}  // namespace apisix::memory
