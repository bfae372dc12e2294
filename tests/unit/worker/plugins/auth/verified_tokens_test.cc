#include "worker/plugins/auth/verified_tokens.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::plugins {
namespace {

class VerifiedTokensTest : public testing::Test {
 protected:
  bool is_signed(const std::string& token, std::uint64_t key, bool result) {
    return tokens_.is_signed(token, key, [&] {
      ++asked_;
      return result;
    });
  }

  VerifiedTokens tokens_;
  int asked_ = 0;
};

TEST_F(VerifiedTokensTest, SameTokenAndKeyAreVerifiedOnce) {
  const std::uint64_t key = tokens_.new_key();
  EXPECT_TRUE(is_signed("a.b.c", key, true));
  EXPECT_TRUE(is_signed("a.b.c", key, false)) << "not asked";
  EXPECT_EQ(asked_, 1);
}

TEST_F(VerifiedTokensTest, AnotherSignatureIsAnotherToken) {
  const std::uint64_t key = tokens_.new_key();
  EXPECT_TRUE(is_signed("a.b.c", key, true));
  EXPECT_FALSE(is_signed("a.b.d", key, false));
  EXPECT_FALSE(is_signed("a.b.", key, false));
  EXPECT_FALSE(is_signed("a.b.c.", key, false));
}

TEST_F(VerifiedTokensTest, ChangedKeyIsAskedAgain) {
  EXPECT_TRUE(is_signed("a.b.c", tokens_.new_key(), true));
  EXPECT_FALSE(is_signed("a.b.c", tokens_.new_key(), false));
}

TEST_F(VerifiedTokensTest, RefusalIsNotRemembered) {
  const std::uint64_t key = tokens_.new_key();
  EXPECT_FALSE(is_signed("a.b.c", key, false));
  EXPECT_TRUE(is_signed("a.b.c", key, true));
}

TEST_F(VerifiedTokensTest, ManyTokensTakeTheRoomOfOthers) {
  const std::uint64_t key = tokens_.new_key();
  const int count = 4 * static_cast<int>(VerifiedTokens::kPlaces);
  for (int i = 0; i < count; ++i) EXPECT_TRUE(is_signed(std::to_string(i), key, true));
  asked_ = 0;
  for (int i = 0; i < count; ++i) EXPECT_TRUE(is_signed(std::to_string(i), key, true));
  EXPECT_GE(asked_, count - static_cast<int>(VerifiedTokens::kPlaces)) << "no more are remembered";
}

}  // namespace
}  // namespace apisix::plugins
