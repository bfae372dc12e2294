#include "shared/base/utf8.h"

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

std::string cleaned(std::string_view text) {
  std::string out;
  append_utf8(out, text);
  return out;
}

TEST(Utf8, EveryLengthOfCharacterIsKept) {
  for (const std::string_view text :
       {"", "plain ASCII, longer than one word", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
        "12345678\xC3\xA4"
        "12345678"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
    EXPECT_EQ(cleaned(text), text);
  }
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

// RFC 3629 3 and 4: overlong forms, surrogates, beyond U+10FFFF, lone and missing continuation bytes.
TEST(Utf8, WhatIsNoCharacterBecomesTheReplacement) {
  const std::string r(kReplacement);
  struct Case {
    std::string_view text;
    std::string wanted;
  };
  for (const Case& each : {Case{"\xFF", r},
                           {"a\x80"
                            "b",
                            "a" + r + "b"},
                           {"\xC0\xAF", r + r},
                           {"\xC3", r},
                           {"\xC3(", r + "("},
                           {"\xE2\x82", r},
                           {"\xE2\x82x", r + "x"},
                           {"\xE0\x80\xAF", r + r + r},
                           {"\xED\xA0\x80", r + r + r},
                           {"\xF4\x90\x80\x80", r + r + r + r},
                           {"\xF0\x9F\x92", r},
                           {"1234567\xFF", "1234567" + r},
                           {"12345678\xFF", "12345678" + r},
                           {"\xC3\xA4\xFF\xC3\xA4", "\xC3\xA4" + r + "\xC3\xA4"}}) {
    EXPECT_FALSE(is_utf8(each.text)) << each.text;
    EXPECT_EQ(cleaned(each.text), each.wanted);
    EXPECT_TRUE(is_utf8(cleaned(each.text)));
  }
}

TEST(Utf8, TheFirstFaultIsFound) {
  EXPECT_EQ(find_invalid_utf8("abcdefghij\xFFk\xFF"), 10u);
  EXPECT_EQ(find_invalid_utf8("\xC3\xA4\xE2\x82"), 2u);
}

}  // namespace
}  // namespace apisix::base
