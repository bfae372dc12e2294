#include "master/view/health_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::master {
namespace {

using memory::HealthEvent;
using memory::HealthTable;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Table {
  HealthTable table = std::move(*HealthTable::create(HealthTable::kZone, 1 << 20));

  HealthTable::Ref add(const char* checker, const char* ip, std::string_view node = {}) {
    const auto owner = table.want(checker);
    return table.add_target(owner, {*base::IpAddress::parse(ip), 80, node}, next_place_++);
  }
  void fail(const char* checker, const HealthTable::Ref& target, int times) {
    for (int i = 0; i < times; ++i)
      table.report(table.find_checker(checker), target, HealthEvent::kTcpFailure, 2);
  }

 private:
  std::uint32_t next_place_ = 0;
};

TEST(HealthView, KeysAreShort) {
  EXPECT_EQ(short_key("/apisix/upstreams/1"), "upstreams/1");
  EXPECT_EQ(short_key("/some/where/routes/a"), "routes/a");
  EXPECT_EQ(short_key("odd"), "odd");
  EXPECT_EQ(short_key("/odd"), "/odd");
}

TEST(HealthView, ListsNodesAndCountsTheBad) {
  Table table;
  table.add("/apisix/upstreams/2", "10.0.0.2");
  const auto bad = table.add("/apisix/upstreams/1", "::1", "node.test");
  table.fail("/apisix/upstreams/1", bad, 2);
  const auto all = read_health(table.table, {});
  EXPECT_EQ(count_unhealthy(all), 1u);
  EXPECT_THAT(health_lines(all, {}),
              ElementsAre("UPSTREAM     NODE         HOST       STATUS     OK  HTTP  TCP  TIMEOUT",
                          "upstreams/1  [::1]:80     node.test  unhealthy   0     0    2        0",
                          "upstreams/2  10.0.0.2:80  -          healthy     0     0    0        0", "",
                          "1 of 2 nodes unhealthy"));
  const format::Json json = health_json(all);
  EXPECT_EQ(json[0]["name"].asString(), "/apisix/upstreams/1");
  EXPECT_EQ(json[0]["nodes"][0]["status"].asString(), "unhealthy");
  EXPECT_EQ(json[0]["nodes"][0]["counter"]["tcp_failure"].asInt(), 2);
}

TEST(HealthView, NamesChoose) {
  Table table;
  table.add("/apisix/upstreams/2", "10.0.0.2");
  table.add("/apisix/routes/2", "10.0.0.3");
  const auto one = read_health(table.table, {"routes/2"});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].name, "/apisix/routes/2");
  EXPECT_EQ(missing_name(one, {"routes/2"}), "");
  EXPECT_EQ(missing_name(one, {"routes/2", "upstreams/9"}), "upstreams/9");
}

TEST(HealthView, SaysWhenNothingIsChecked) {
  EXPECT_THAT(health_lines({}, {}), Contains(HasSubstr("No node is checked")));
}

}  // namespace
}  // namespace apisix::master
