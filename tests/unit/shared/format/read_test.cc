#include "shared/format/read.h"

#include <limits>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

Json json(const char* text) {
  return parse_json(text).value();
}

// Not of 1e999: whether the library's parser refuses it or makes infinity of it depends on its version.
Json infinite(double sign) {
  return Json(sign * std::numeric_limits<double>::infinity());
}

TEST(Read, NumbersAreCutToTheRange) {
  EXPECT_EQ(clamped<std::uint16_t>(json("4294967296")), 65535);
  EXPECT_EQ(clamped<std::uint16_t>(json("-1")), 0);
  EXPECT_EQ(clamped<std::uint16_t>(json("1"), 200, 999), 200);
  EXPECT_EQ(clamped<std::uint16_t>(json("1e19"), 200, 999), 999);
  EXPECT_EQ(clamped<int>(json("2147483648")), std::numeric_limits<int>::max());
  EXPECT_EQ(clamped<int>(json("-1e300")), std::numeric_limits<int>::min());
  EXPECT_EQ(clamped<std::int64_t>(json("9223372036854775808")), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(clamped<std::int64_t>(infinite(-1)), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(clamped<std::uint64_t>(json("18446744073709551615")), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(clamped<std::uint64_t>(infinite(1)), std::numeric_limits<std::uint64_t>::max());
}

TEST(Read, FractionsAreDroppedAndExponentsAreWhole) {
  EXPECT_EQ(clamped<int>(json("1.5")), 1);
  EXPECT_EQ(clamped<int>(json("-1.5")), -1);
  EXPECT_EQ(clamped<int>(json("1e3")), 1000);
  EXPECT_EQ(integer_of<int>(json("1e3")), 1000);
  EXPECT_EQ(integer_of<int>(json("5.0")), 5);
}

TEST(Read, AnIntegerThatDoesNotFitIsNone) {
  for (const char* text : {"0.5", "65536", "-1", "1e19", "\"1\"", "true", "null", "[]", "{}"}) {
    EXPECT_EQ(integer_of<std::uint16_t>(json(text)), std::nullopt) << text;
  }
  EXPECT_EQ(integer_of<std::uint16_t>(infinite(1)), std::nullopt);
  EXPECT_EQ(integer_of<std::int64_t>(infinite(-1)), std::nullopt);
  EXPECT_EQ(integer_of<std::uint16_t>(json("65535")), 65535);
  EXPECT_EQ(integer_of<std::int64_t>(json("9223372036854775808")), std::nullopt);
}

TEST(Read, WhatIsNoNumberCountsAsZero) {
  for (const char* text : {"null", "\"5\"", "true", "[5]", "{\"a\":5}"}) {
    EXPECT_EQ(clamped<int>(json(text)), 0) << text;
    EXPECT_EQ(clamped<int>(json(text), 3, 9), 3) << text;
    EXPECT_EQ(number_of(json(text)), 0) << text;
    EXPECT_EQ(number_of(json(text), 7), 7) << text;
  }
}

TEST(Read, NumbersAreFinite) {
  EXPECT_EQ(number_of(infinite(1)), std::numeric_limits<double>::max());
  EXPECT_EQ(number_of(infinite(-1)), std::numeric_limits<double>::lowest());
  EXPECT_EQ(number_of(json("0.5")), 0.5);
}

TEST(Read, TextIsThatOfScalars) {
  EXPECT_EQ(string_of(json("\"a\"")), "a");
  EXPECT_EQ(string_of(json("7.0")), "7");
  EXPECT_EQ(string_of(json("true")), "true");
  for (const char* text : {"null", "[]", "{\"a\":1}"}) EXPECT_EQ(string_of(json(text)), "") << text;
}

TEST(Read, OnlyTrueIsTrue) {
  EXPECT_TRUE(is_true(json("true")));
  for (const char* text : {"false", "1", "\"true\"", "null", "[true]"})
    EXPECT_FALSE(is_true(json(text))) << text;
}

}  // namespace
}  // namespace apisix::format
