#include "shared/format/json_count.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

TEST(CountJsonValues, CountsValuesAndNames) {
  EXPECT_EQ(count_json_values("1"), 1U);
  EXPECT_GE(count_json_values("[0,0,0]"), 4U);
  EXPECT_GE(count_json_values(R"({"a":{"b":[]}})"), 5U);
}

TEST(CountJsonValues, WhatIsInsideOfStringsIsNotCounted) {
  EXPECT_EQ(count_json_values(R"("a,b:[{,\",,,")"), 1U);
  EXPECT_EQ(count_json_values(R"("\\",)"), 2U);
}

TEST(CountJsonValues, TextThatEndsInAStringIsCountedToItsEnd) {
  EXPECT_EQ(count_json_values(R"(["abc)"), 2U);
  EXPECT_EQ(count_json_values(R"(["abc\)"), 2U);
  EXPECT_EQ(count_json_values(""), 1U);
}

TEST(CountJsonValues, NoFewerThanThereAre) {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += R"({"k":[1,2]},)";
  EXPECT_GE(count_json_values(text + "0]"), 5002U);
  EXPECT_LE(count_json_values(text + "0]"), 6002U);
}

TEST(IsNestedDeeper, DeepestAllowedAndFirstRefused) {
  Json value = 1;
  EXPECT_FALSE(is_nested_deeper(value, 0));
  for (int levels = 1; levels <= 5; ++levels) {
    Json outer(::Json::arrayValue);
    outer.append(0);
    outer.append(std::move(value));
    value = std::move(outer);
    EXPECT_FALSE(is_nested_deeper(value, levels));
    EXPECT_TRUE(is_nested_deeper(value, levels - 1));
  }
}

}  // namespace
}  // namespace apisix::format
