#include "worker/plugins/auth/hmac_signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/limits.h"

namespace apisix::plugins {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(HmacSignature, TakesTheFieldApart) {
  const auto parsed = parse_hmac_signature(
      R"(Signature keyId="my-key",algorithm="hmac-sha256", headers="@request-target date",signature="YQ==")");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->key_id, "my-key");
  EXPECT_EQ(parsed->algorithm, "hmac-sha256");
  EXPECT_EQ(parsed->signature, "YQ==");
  EXPECT_THAT(parsed->header_names(), ElementsAre("@request-target", "date"));
}

TEST(HmacSignature, OtherSchemesAreNone) {
  EXPECT_FALSE(parse_hmac_signature("").has_value());
  EXPECT_FALSE(parse_hmac_signature("Basic Zm9vOmJhcg==").has_value());
  EXPECT_FALSE(parse_hmac_signature("signature keyId=\"k\"").has_value());
}

TEST(HmacSignature, WhatIsMissingIsNull) {
  const auto nothing = parse_hmac_signature("Signature");
  ASSERT_TRUE(nothing.has_value());
  EXPECT_EQ(nothing->key_id.data(), nullptr);
  EXPECT_THAT(nothing->header_names(), IsEmpty());
  const auto empty = parse_hmac_signature(R"(Signature keyId="",headers="")");
  EXPECT_NE(empty->key_id.data(), nullptr);
  EXPECT_EQ(empty->key_id, "");
  EXPECT_THAT(empty->header_names(), IsEmpty());
}

TEST(HmacSignature, OddMembers) {
  EXPECT_EQ(parse_hmac_signature(R"(Signature keyId="a",keyId="b")")->key_id, "b");
  EXPECT_EQ(parse_hmac_signature(R"(Signature !!keyId="a")")->key_id, "a");
  EXPECT_EQ(parse_hmac_signature(R"(Signature xkeyId="a")")->key_id.data(), nullptr);
  EXPECT_EQ(parse_hmac_signature(R"(Signature keyId="a)")->key_id.data(), nullptr);
  EXPECT_EQ(parse_hmac_signature(R"(Signature keyId=a)")->key_id.data(), nullptr);
  EXPECT_EQ(parse_hmac_signature(R"(Signature ="x" keyId="a")")->key_id, "a");
  EXPECT_EQ(parse_hmac_signature(R"(Signature keyId="a,b")")->key_id.data(), nullptr);
}

std::string fault_of(std::string_view headers) {
  return fault_of_names(
      HmacSignature{.key_id = {}, .algorithm = {}, .headers = headers, .signature = {}}.header_names());
}

TEST(HmacSignature, NamesThatAreSignedOnce) {
  EXPECT_EQ(fault_of(""), "");
  EXPECT_EQ(fault_of("@request-target date x-custom-a x-custom-b"), "");
  EXPECT_EQ(fault_of("date  x"), "");
}

TEST(HmacSignature, NameThatIsSignedTwiceIsRefusedInAnySpelling) {
  EXPECT_EQ(fault_of("date a a"), "header \"a\" signed twice");
  EXPECT_EQ(fault_of("Date date"), "header \"date\" signed twice");
  EXPECT_EQ(fault_of("x-a x_A"), "header \"x_A\" signed twice");
}

TEST(HmacSignature, TooManyNamesAreRefused) {
  std::string names;
  for (std::size_t i = 0; i < limits::kSignedHeadersMax; ++i) names += "h" + std::to_string(i) + " ";
  EXPECT_EQ(fault_of(names.substr(0, names.size() - 1)), "");
  EXPECT_EQ(fault_of(names + "date"), "more than 64 headers signed");
}

}  // namespace
}  // namespace apisix::plugins
