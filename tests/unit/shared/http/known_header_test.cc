#include "shared/http/known_header.h"

#include <cctype>
#include <string>

#include <gtest/gtest.h>

#include "shared/base/text.h"

namespace apisix::http {
namespace {

KnownHeader find_slowly(std::string_view name) {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    const auto id = static_cast<KnownHeader>(i);
    if (base::equals_ignore_case(header_name(id), name)) return id;
  }
  return KnownHeader::kUnknown;
}

TEST(KnownHeader, EveryNameIsFoundInAnyCase) {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    const auto id = static_cast<KnownHeader>(i);
    const std::string name(header_name(id));
    std::string upper = name;
    std::string mixed = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (std::size_t j = 0; j < mixed.size(); j += 2) mixed[j] = upper[j];
    EXPECT_EQ(identify_header(name), id) << name;
    EXPECT_EQ(identify_header(upper), id) << upper;
    EXPECT_EQ(identify_header(mixed), id) << mixed;
  }
}

// One bit off is another name: in particular a control character never folds into '-' or a digit.
TEST(KnownHeader, NoOtherByteFoldsIntoAName) {
  for (std::size_t i = 1; i < kKnownHeaders; ++i) {
    const auto id = static_cast<KnownHeader>(i);
    const std::string name(header_name(id));
    for (std::size_t j = 0; j < name.size(); ++j) {
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[j] = static_cast<char>(c);
        const bool letter = std::isalpha(static_cast<unsigned char>(name[j])) != 0;
        const bool same = other[j] == name[j] || (letter && (other[j] ^ name[j]) == 0x20);
        EXPECT_EQ(identify_header(other) == id, same) << ::testing::PrintToString(other);
      }
    }
    EXPECT_NE(identify_header(name + "x"), id);
    EXPECT_NE(identify_header(name.substr(1)), id);
    EXPECT_NE(identify_header(name.substr(0, name.size() - 1)), id);
  }
}

// As the head of one name and the tail of another, so that some of the words that are compared are right.
TEST(KnownHeader, NamesMadeOfTwoAreFoundAsByAPlainLoop) {
  for (std::size_t a = 1; a < kKnownHeaders; ++a) {
    for (std::size_t b = 1; b < kKnownHeaders; ++b) {
      const std::string_view head = header_name(static_cast<KnownHeader>(a));
      const std::string_view tail = header_name(static_cast<KnownHeader>(b));
      for (std::size_t i = 0; i <= head.size(); ++i) {
        for (std::size_t j = 0; j <= tail.size(); j += 3) {
          const std::string name = std::string(head.substr(0, i)).append(tail.substr(j));
          ASSERT_EQ(identify_header(name), find_slowly(name)) << name;
        }
      }
    }
  }
}

TEST(KnownHeader, OtherTextIsUnknown) {
  EXPECT_EQ(identify_header(""), KnownHeader::kUnknown);
  EXPECT_EQ(identify_header("x"), KnownHeader::kUnknown);
  EXPECT_EQ(identify_header("Content_Length"), KnownHeader::kUnknown);
  EXPECT_EQ(identify_header(std::string(300, 'a')), KnownHeader::kUnknown);
  EXPECT_EQ(identify_header(std::string(31, '\xff')), KnownHeader::kUnknown);
}

}  // namespace
}  // namespace apisix::http
