#include "shared/http/header_set.h"

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

// Numbers that no header has yet.
constexpr auto kLastOfFirstWord = static_cast<KnownHeader>(63);
constexpr auto kFirstOfSecondWord = static_cast<KnownHeader>(64);
constexpr auto kLast = static_cast<KnownHeader>(127);

TEST(HeaderSetTest, HoldsWhatWasPutIn) {
  constexpr HeaderSet set{KnownHeader::kUnknown, KnownHeader::kHost, KnownHeader::kApikey};
  static_assert(set.has(KnownHeader::kUnknown) && set.has(KnownHeader::kApikey));
  for (std::size_t i = 0; i < HeaderSet::kSize; ++i) {
    const auto id = static_cast<KnownHeader>(i);
    const bool is_in = id == KnownHeader::kUnknown || id == KnownHeader::kHost || id == KnownHeader::kApikey;
    EXPECT_EQ(set.has(id), is_in) << i;
  }
}

TEST(HeaderSetTest, HasRoomFor128) {
  for (std::size_t i = 0; i < HeaderSet::kSize; ++i) {
    HeaderSet set;
    EXPECT_TRUE(set.empty());
    set.add(static_cast<KnownHeader>(i));
    EXPECT_FALSE(set.empty());
    for (std::size_t j = 0; j < HeaderSet::kSize; ++j) {
      EXPECT_EQ(set.has(static_cast<KnownHeader>(j)), i == j) << i << " " << j;
    }
  }
}

TEST(HeaderSetTest, HasAnyOfLooksAtBothWords) {
  const HeaderSet first{kLastOfFirstWord};
  const HeaderSet second{kFirstOfSecondWord, kLast};
  EXPECT_FALSE(first.has_any_of(second));
  EXPECT_TRUE(first.has_any_of({kLastOfFirstWord, kLast}));
  EXPECT_TRUE(second.has_any_of({kLastOfFirstWord, kLast}));
  EXPECT_FALSE(second.has_any_of({}));
}

TEST(HeaderSetTest, AddIfInAddsOnlyWhatTheOtherHas) {
  const HeaderSet present{KnownHeader::kHost, kLast};
  HeaderSet repeated;
  repeated.add_if_in(present, KnownHeader::kCookie);
  EXPECT_TRUE(repeated.empty());
  repeated.add_if_in(present, KnownHeader::kHost);
  repeated.add_if_in(present, kLast);
  EXPECT_EQ(repeated, present);
}

}  // namespace
}  // namespace apisix::http
