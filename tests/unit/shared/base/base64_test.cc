#include "shared/base/base64.h"

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

TEST(Base64, WritesAndReadsTheVectorsOfTheRfc) {
  struct Case {
    std::string_view bytes, text;
  };
  for (const auto& [bytes, text] : {Case{"", ""},
                                    {"f", "Zg=="},
                                    {"fo", "Zm8="},
                                    {"foo", "Zm9v"},
                                    {"foob", "Zm9vYg=="},
                                    {"fooba", "Zm9vYmE="},
                                    {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
}

TEST(Base64, KeepsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes);
  EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
}

TEST(Base64, ReadsWhatNginxReads) {
  EXPECT_EQ(decode_base64("Zm8"), "fo");        // no padding
  EXPECT_EQ(decode_base64("Zg==Zm8="), "f");    // nothing counts behind the first '='
  EXPECT_EQ(decode_base64("Z"), std::nullopt);  // six bits are no byte
  EXPECT_EQ(decode_base64("Zm9v\n"), std::nullopt);
  EXPECT_EQ(decode_base64("Zm-_"), std::nullopt);
}

TEST(Base64, TheUrlAlphabetHasNoPadding) {
  EXPECT_EQ(encode_base64("\xfb\xff\xfe?"), "+//+Pw==");
  EXPECT_EQ(encode_base64url("\xfb\xff\xfe?"), "-__-Pw");
  EXPECT_EQ(decode_base64url("-__-Pw"), "\xfb\xff\xfe?");
  EXPECT_EQ(decode_base64url("+//+Pw"), std::nullopt);
}

TEST(Base64, WritesIntoForeignMemoryWithinItsBound) {
  for (std::size_t length = 0; length < 64; ++length) {
    const std::string bytes(length, '\xa5');
    const std::string text = encode_base64(bytes);
    ASSERT_GE(decoded_size_max(text.size()), length);
    std::string out(decoded_size_max(text.size()), '\0');
    EXPECT_EQ(decode_base64_to(text, out.data()), length);
    EXPECT_EQ(out.substr(0, length), bytes);
  }
}

}  // namespace
}  // namespace apisix::base
