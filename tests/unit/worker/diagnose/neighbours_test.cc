#include "worker/diagnose/neighbours.h"

#include <gtest/gtest.h>

#include "shared/format/json.h"

namespace apisix::diagnose {
namespace {

using route::RouterKind;

route::RouteEntry entry(std::string_view text) {
  return route::RouteEntry::from_json("1", format::parse_json(text).value(), nullptr).value();
}

TEST(Neighbours, StandAtOneStoredPath) {
  Neighbours some(RouterKind::kUri);
  EXPECT_TRUE(some.add(entry(R"({"uris":["/a","/b/*"]})")));
  EXPECT_FALSE(some.add(entry(R"({"uri":"/b/*"})")));
  EXPECT_TRUE(some.touches(entry(R"({"uris":["/x","/a"]})")));
  EXPECT_TRUE(some.touches(entry(R"({"uri":"/b/*rest"})")));
  EXPECT_FALSE(some.touches(entry(R"({"uri":"/b/"})")));  // exact
  EXPECT_FALSE(some.touches(entry(R"({"uri":"/b*"})")));
}

TEST(Neighbours, HostsCountWhereTheRouterStoresByThem) {
  const auto host = entry(R"({"uri":"/a","hosts":["a.test","b.test"]})");
  const auto other = entry(R"({"uri":"/a","host":"c.test"})");
  Neighbours by_host(RouterKind::kHostUri);
  by_host.add(host);
  EXPECT_TRUE(by_host.touches(entry(R"({"uri":"/a","host":"b.test"})")));
  EXPECT_FALSE(by_host.touches(other));
  EXPECT_FALSE(by_host.touches(entry(R"({"uri":"/a"})")));
  Neighbours by_uri(RouterKind::kUri);
  by_uri.add(host);
  EXPECT_TRUE(by_uri.touches(other));
}

TEST(Neighbours, ParametersStartWhereTheRouterHasThem) {
  for (const auto kind : {RouterKind::kUri, RouterKind::kUriWithParameter}) {
    Neighbours some(kind);
    some.add(entry(R"({"uri":"/a/:id"})"));
    EXPECT_EQ(some.touches(entry(R"({"uri":"/a/:name"})")), kind == RouterKind::kUriWithParameter);
  }
}

}  // namespace
}  // namespace apisix::diagnose
