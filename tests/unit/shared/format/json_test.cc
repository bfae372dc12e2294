#include "shared/format/json.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::format {
namespace {

TEST(Json, RoundTripsWithWholeNumbersUnfractioned) {
  const auto value = parse_json(R"({"b":[1,2.0,0.5,-3],"a":{"x":null,"y":true,"z":"q\"\u0001"}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(to_json(*value), R"({"a":{"x":null,"y":true,"z":"q\"\u0001"},"b":[1,2,0.5,-3]})");
}

TEST(Json, RefusesWhatIsNotOneStrictValue) {
  for (const char* bad : {"", "{", "{\"a\":}", "[1,]", "{} x", "{'a':1}", "nope", "{\"a\":1,}"}) {
    const auto value = parse_json(bad);
    ASSERT_FALSE(value) << bad;
    EXPECT_NE(value.error().what.find("Line"), std::string::npos) << value.error().what;
  }
}

TEST(Json, DeepestAllowedAndFirstRefused) {
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') + "1" +
           std::string(static_cast<std::size_t>(levels), ']');
  };
  EXPECT_TRUE(parse_json(nested(kJsonDepthMax)));
  EXPECT_FALSE(parse_json(nested(kJsonDepthMax + 1)));
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_FALSE(parse_json(std::string(1000, '[') + std::string(1000, ']')));
}

// Text is looked at in words: every character at every place of one has to be seen.
TEST(Json, EscapesTheSameAtEveryPlace) {
  for (int c = 1; c < 128; ++c) {
    std::string alone = to_json(Json(std::string(1, static_cast<char>(c))));
    alone = alone.substr(1, alone.size() - 2);
    for (std::size_t before = 0; before < 17; ++before) {
      for (const std::size_t behind : {0U, 1U, 7U, 8U, 9U}) {
        const std::string front(before, 'a');
        const std::string back(behind, '~');
        EXPECT_EQ(to_json(Json(front + static_cast<char>(c) + back)), '"' + front + alone + back + '"');
      }
    }
  }
}

TEST(Json, ScalarsAreValues) {
  EXPECT_EQ(parse_json("12")->asInt(), 12);
}

}  // namespace
}  // namespace apisix::format
