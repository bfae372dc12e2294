#include "worker/plugin/log_entry_text.h"

#include <gtest/gtest.h>

#include "shared/base/version.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"

namespace apisix::plugin {
namespace {

class LogEntryText : public ::testing::Test {
 protected:
  LogEntryText() : state_(arena_, loop_.clock()) {
    state_.head = arena_.make<http::RequestHead>();
    state_.head->method_text = "GET";
    state_.head->authority = "a.test";
    state_.client.connection = &client_;
    state_.target.host = "a.test";
    state_.target.path = "/a";
    client_.local_port = 9080;
    state_.received.wall_us = 1'700'000'000'123'456;
    state_.received.monotonic_us = loop_.clock().monotonic_us();
  }
  void add_request_field(std::string_view name, std::string_view value) {
    state_.head->headers.add(arena_, name, value);
  }
  // As a tree, which has to give the same text again: the order of members, escapes, numbers.
  format::Json entry(const EntryTexts& texts = {.request_body = {}, .response_body = {}, .no_route_id = {}}) {
    const std::string text = full_entry(state_, texts);
    auto parsed = format::parse_json(text);
    EXPECT_TRUE(parsed) << text;
    if (!parsed) return {};
    EXPECT_EQ(format::to_json(*parsed), text);
    return *parsed;
  }

  event::Loop loop_;
  base::Arena arena_;
  ClientInfo client_;
  RequestState state_;
};

TEST_F(LogEntryText, MembersOfARequestThatNoRouteMatched) {
  state_.response.status = 404;
  const format::Json found = entry();
  EXPECT_EQ(found["request"]["url"], "http://a.test:9080/a");
  EXPECT_EQ(found["request"]["uri"], "/a");
  EXPECT_EQ(found["request"]["headers"]["host"], "a.test");
  EXPECT_EQ(found["request"]["querystring"], format::Json(::Json::objectValue));
  EXPECT_EQ(found["response"]["headers"], format::Json(::Json::objectValue));
  EXPECT_EQ(found["response"]["status"], 404);
  EXPECT_EQ(found["server"]["version"], std::string(base::kCompatibleVersion));
  EXPECT_EQ(found["service_id"], "a.test");
  EXPECT_EQ(found["start_time"].asUInt64(), 1'700'000'000'123U);
  for (const char* name : {"route_id", "consumer", "upstream", "upstream_latency"}) {
    EXPECT_FALSE(found.isMember(name)) << name;
  }
  EXPECT_FALSE(found["request"].isMember("body"));
  EXPECT_FALSE(found["response"].isMember("body"));
}

TEST_F(LogEntryText, FieldsAndArgumentsOfOneNameAreAnArrayInTheirOrder) {
  add_request_field("X-B", "2");
  add_request_field("X-A", "\"quoted\"");
  add_request_field("x-b", "1");
  add_request_field("Host", "b.test");
  state_.target.args = "z=1&a&z=0&z";
  const format::Json found = entry();
  EXPECT_EQ(format::to_json(found["request"]["headers"]),
            R"({"host":"b.test","x-a":"\"quoted\"","x-b":["2","1"]})");
  EXPECT_EQ(format::to_json(found["request"]["querystring"]), R"({"a":true,"z":["1","0",true]})");
}

TEST_F(LogEntryText, RouteConsumerAttemptsAndBodies) {
  state_.matched.route_id = "r1";
  state_.matched.service_id = "s1";
  auto consumer = base::make_counted<Consumer>();
  consumer->username = "jack";
  state_.identity.consumer = base::Ref<const Consumer>(consumer.get());
  Attempt& attempt = state_.add_attempt();
  attempt.response_us = 1500;
  const format::Json found =
      entry({.request_body = "in\xFF", .response_body = std::string_view(), .no_route_id = "no-matched"});
  EXPECT_EQ(found["route_id"], "r1");
  EXPECT_EQ(found["service_id"], "s1");
  EXPECT_EQ(found["consumer"]["username"], "jack");
  EXPECT_EQ(found["upstream_latency"], 1.5);
  EXPECT_TRUE(found.isMember("upstream"));
  EXPECT_EQ(found["request"]["body"], "in\xEF\xBF\xBD");
  EXPECT_EQ(found["response"]["body"], "");
}

TEST_F(LogEntryText, NameForNoRoute) {
  const format::Json found = entry({.request_body = {}, .response_body = {}, .no_route_id = "no-matched"});
  EXPECT_EQ(found["route_id"], "no-matched");
}

}  // namespace
}  // namespace apisix::plugin
