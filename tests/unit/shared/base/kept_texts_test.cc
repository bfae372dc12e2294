// Texts that are joined from pieces cost their size once, however often they are asked for.
#include "shared/base/kept_texts.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

class KeptTextsTest : public ::testing::Test {
 protected:
  std::string_view join(const std::vector<std::string>& pieces) {
    return texts_.join(arena_, [&](const auto& add) {
      for (const std::string& piece : pieces) add(std::string_view(piece));
    });
  }

  Arena arena_;
  KeptTexts texts_;
};

TEST_F(KeptTextsTest, JoinedTextIsOneAllocationOfItsSize) {
  const std::vector<std::string> pieces(500, std::string(60, 'x'));
  EXPECT_EQ(join(pieces).size(), 30'000U);
  EXPECT_LE(arena_.bytes(), 30'000U + Arena::kBlockBytes + 64);
}

TEST_F(KeptTextsTest, SameTextIsMadeOnce) {
  const std::vector<std::string> pieces(500, std::string(60, 'x'));
  const char* const first = join(pieces).data();
  const std::size_t bytes = arena_.bytes();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(join(pieces).data(), first);
  EXPECT_EQ(arena_.bytes(), bytes);
}

TEST_F(KeptTextsTest, TextsOfOneSizeAreToldApart) {
  EXPECT_EQ(join({"ab", "cd"}), "abcd");
  EXPECT_EQ(join({"ab", "ce"}), "abce");
  EXPECT_EQ(join({"a", "bcd"}), "abcd");
  EXPECT_EQ(join({"", "", ""}), "");
  EXPECT_EQ(join({}), "");
}

}  // namespace
}  // namespace apisix::base
