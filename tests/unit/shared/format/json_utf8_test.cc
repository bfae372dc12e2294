#include "shared/format/json_utf8.h"

#include <gtest/gtest.h>

#include "shared/base/utf8.h"

namespace apisix::format {
namespace {

TEST(JsonUtf8, TakesEveryCharacter) {
  const auto value = parse_json_utf8("{\"\xC3\xA4\":\"\\ud83d\\ude00 \\u00e4 \xF0\x9F\x98\x80\"}");
  ASSERT_TRUE(value);
  EXPECT_TRUE(base::is_utf8(to_json(*value)));
}

TEST(JsonUtf8, SaysWhereTheTextIsNotUtf8) {
  const auto value = parse_json_utf8("{\n \"a\": \"\xFF\"}");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().what, "Line 2, Column 8 the text is not UTF-8");
}

TEST(JsonUtf8, RefusesHalfASurrogatePair) {
  for (const char* text :
       {R"({"a":"\udc00"})", R"({"\uDFFF":1})", R"([[{"a":["\udc00"]}]])", R"("\ud800")"}) {
    EXPECT_FALSE(parse_json_utf8(text)) << text;
  }
}

TEST(JsonUtf8, WhatIsWrittenIsAlwaysUtf8) {
  Json value(::Json::objectValue);
  value["a\xFF"] = "b\xC3\xA4\xFE\"\n";
  EXPECT_EQ(to_json(value), "{\"a\xEF\xBF\xBD\":\"b\xC3\xA4\xEF\xBF\xBD\\\"\\n\"}");
  EXPECT_EQ(to_json(Json("\xE2\x82")), "\"\xEF\xBF\xBD\"");
  EXPECT_FALSE(check_utf8(value));
}

}  // namespace
}  // namespace apisix::format
