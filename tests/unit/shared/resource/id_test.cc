#include "shared/resource/id.h"

#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

using format::Json;

Json json(const char* text) {
  return format::parse_json(text).value();
}

TEST(Id, Forms) {
  for (const char* good : {"1", "7.0", "\"a\"", "\"A-b_c.9\"", "\"0\"", "100000000000"}) {
    EXPECT_TRUE(is_valid_id(json(good))) << good;
  }
  for (const char* bad :
       {"0", "-1", "1.5", "\"\"", "\"a b\"", "\"a/b\"", "\"\\u00e9\"", "true", "null", "[]"}) {
    EXPECT_FALSE(is_valid_id(json(bad))) << bad;
  }
  EXPECT_TRUE(is_valid_id_text(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_id_text(std::string(65, 'a')));
}

struct IdCase {
  const char* path_id;
  bool needs_id;
  const char* body;
  const char* id;     // "" = refused
  const char* fault;  // or the body afterwards
};

TEST(Id, SettlesPathAndBody) {
  for (const auto& [path_id, needs_id, text, id, fault] : {
           IdCase{"1", true, R"({"uri":"/"})", "1", R"({"id":"1","uri":"/"})"},
           IdCase{"1", true, R"({"id":1})", "1", R"({"id":"1"})"},
           IdCase{"1", true, R"({"id":"1"})", "1", R"({"id":"1"})"},
           IdCase{"", true, R"({"id":1})", "1", R"({"id":1})"},
           IdCase{"", false, "{}", "", ""},
           IdCase{"1", true, R"({"id":2})", "", "wrong route id"},
           IdCase{"", true, "{}", "", "missing route id"},
           IdCase{"1", false, "{}", "", "wrong route id, do not need it"},
           IdCase{"", false, R"({"id":1})", "", "wrong route id, do not need it"},
           IdCase{"1", true, "null", "", "missing configurations"},
       }) {
    Json body = json(text);
    const auto normalized = normalize_id(Kind::kRoute, path_id, needs_id, body);
    if (*id != '\0' || *fault == '\0') {
      ASSERT_TRUE(normalized) << text << ": " << normalized.error().what;
      EXPECT_EQ(*normalized, id);
      EXPECT_EQ(format::to_json(body), *fault != '\0' ? fault : text);
    } else {
      ASSERT_FALSE(normalized) << text;
      EXPECT_EQ(normalized.error().what, fault);
    }
  }
}

TEST(Id, UsesTheWordsOfTheKind) {
  Json body = json("{}");
  EXPECT_EQ(normalize_id(Kind::kConsumerGroup, "", true, body).error().what, "missing consumer group id");
  Json consumer = json(R"({"username":"jack"})");
  EXPECT_EQ(normalize_id(Kind::kConsumer, "jack", true, consumer).value(), "jack");
  EXPECT_FALSE(consumer.isMember("id"));
}

TEST(Id, RefusesTimestamps) {
  EXPECT_TRUE(refuse_timestamps(json(R"({"uri":"/","upstream":{},"plugins":{}})")));
  EXPECT_TRUE(refuse_timestamps(json(R"({"upstream":"x","plugins":[1]})")));
  const auto fault = [](const char* text) { return refuse_timestamps(json(text)).error().what; };
  EXPECT_EQ(fault(R"({"create_time":1})"), "the property is forbidden:  create_time");
  EXPECT_EQ(fault(R"({"update_time":1})"), "the property is forbidden:  update_time");
  EXPECT_EQ(fault(R"({"upstream":{"create_time":1}})"), "the property is forbidden:  upstream.create_time");
  EXPECT_EQ(fault(R"({"plugins":{"update_time":1}})"), "the property is forbidden:  plugins.update_time");
}

}  // namespace
}  // namespace apisix::resource
