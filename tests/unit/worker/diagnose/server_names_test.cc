#include "worker/diagnose/server_names.h"

#include <set>

#include <gtest/gtest.h>

namespace apisix::diagnose {
namespace {

class ServerNamesTest : public testing::Test {
 protected:
  void add(const std::string& id, std::string_view ssl) { names_.add(id, format::parse_json(ssl).value()); }
  void add_route(std::string_view route) {
    names_.add_hosts(route::RouteEntry::from_json("r", format::parse_json(route).value(), nullptr).value());
  }
  // "id: text" of what is found.
  std::set<std::string> found() const {
    Findings findings;
    names_.report(findings);
    std::set<std::string> out;
    const format::Json report = findings.to_json();
    for (const format::Json& row : report["findings"]) {
      out.insert(row["id"].asString() + " " + row["code"].asString() + ": " + row["text"].asString());
    }
    return out;
  }
  ServerNames names_;
};

using Found = std::set<std::string>;

TEST_F(ServerNamesTest, ANameThatNoRouteIsForIsFound) {
  add("1", R"({"snis":["a.com","B.com"]})");
  add_route(R"({"uri":"/","host":"A.com"})");
  EXPECT_EQ(found(), Found{"1 ssl-name-without-route: no route is for b.com: its clients get 404"});
}

TEST_F(ServerNamesTest, WildcardsOfEitherSideCover) {
  add("1", R"({"snis":["www.a.com","*.a.com","*.b.com","x.y.c.com","*.c.com","*.com","d.org"]})");
  add_route(R"({"uri":"/","hosts":["*.a.com","www.b.com","*.c.com"]})");
  EXPECT_EQ(found(), (Found{"1 ssl-name-without-route: no route is for *.com: its clients get 404",
                            "1 ssl-name-without-route: no route is for d.org: its clients get 404"}));
}

TEST_F(ServerNamesTest, ARouteForEveryHostIsForEveryName) {
  add("1", R"({"sni":"a.com"})");
  EXPECT_EQ(found(), Found{});
  add_route(R"({"uri":"/","host":"b.com"})");
  EXPECT_EQ(found().size(), 1u);
  add_route(R"({"uri":"/"})");
  EXPECT_EQ(found(), Found{});
}

TEST_F(ServerNamesTest, ObjectsThatServeNoClientsHaveNoNames) {
  add("1", R"({"sni":"a.com","status":0})");
  add("2", R"({"sni":"a.com","type":"client"})");
  add("3", R"({"sni":"*"})");
  add_route(R"({"uri":"/","host":"b.com"})");
  EXPECT_EQ(found(), Found{});
}

}  // namespace
}  // namespace apisix::diagnose
