#include "shared/format/jwt.h"

#include <gtest/gtest.h>

#include "shared/base/base64.h"
#include "tests/unit/shared/base/test_keys.h"

namespace apisix::format {
namespace {

constexpr std::string_view kSecret = "a-secret";

std::string part(std::string_view json) {
  return base::encode_base64url(json);
}

std::string hs256(std::string_view header, std::string_view payload, std::string_view secret = kSecret) {
  const std::string text = part(header) + "." + part(payload);
  return text + "." + part(base::hmac_of(base::Digest::kSha256, secret, text).view());
}

JwtKey key(std::string_view algorithm, std::string_view bytes = kSecret) {
  auto made = JwtKey::make(algorithm, bytes);
  EXPECT_TRUE(made.has_value());
  return std::move(*made);
}

bool verifies(std::string_view token, const JwtKey& with) {
  const auto jwt = Jwt::parse(token);
  return jwt.has_value() && jwt->is_signed_with(with);
}

TEST(Jwt, TakesATokenApart) {
  const std::string token = hs256(R"({"alg":"HS256","typ":"JWT"})", R"({"key":"k","exp":1.5})");
  const auto jwt = Jwt::parse(token);
  ASSERT_TRUE(jwt.has_value());
  EXPECT_EQ(jwt->algorithm(), "HS256");
  EXPECT_EQ(find_member(jwt->payload(), "exp").asDouble(), 1.5);
  EXPECT_EQ(jwt->payload_text(), R"({"key":"k","exp":1.5})");
  EXPECT_EQ(jwt->signature(), token.substr(token.rfind('.') + 1));
}

TEST(Jwt, SaysWhatIsWrongAsApisixDoes) {
  const auto why = [](std::string_view token) { return Jwt::parse(token).error().what; };
  EXPECT_EQ(why(""), "invalid jwt string");
  EXPECT_EQ(why("a.b"), "invalid jwt string");
  EXPECT_EQ(why("a.b.c.d.e"), "invalid jwt string");
  EXPECT_EQ(why("..."), "invalid jwt string");
  EXPECT_EQ(why("?.e30."), "invalid header: ?");
  EXPECT_EQ(why("e30.W10."), "invalid payload: W10");  // []
  EXPECT_EQ(why("MQ.e30."), "invalid header: MQ");     // 1
}

// RFC 7515 A.1.
TEST(Jwt, VerifiesTheExampleOfTheStandard) {
  const std::string secret = *base::decode_base64url(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  EXPECT_TRUE(verifies(
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6L"
      "y9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
      key("HS256", secret)));
}

TEST(Jwt, TheKeySaysWhichAlgorithm) {
  const std::string token = hs256(R"({"alg":"HS256"})", "{}");
  EXPECT_TRUE(verifies(token, key("HS256")));
  EXPECT_FALSE(verifies(token, key("HS256", "another")));
  EXPECT_FALSE(verifies(token, key("HS512")));
  EXPECT_FALSE(verifies(hs256(R"({"alg":"none"})", "{}"), key("HS256")));
  EXPECT_FALSE(verifies(hs256(R"({"alg":"hs256"})", "{}"), key("HS256")));
  EXPECT_FALSE(verifies(hs256(R"({"alg":["HS256"]})", "{}"), key("HS256")));
  EXPECT_FALSE(verifies(hs256("{}", "{}"), key("HS256")));
  EXPECT_FALSE(verifies(part(R"({"alg":"HS256"})") + "." + part("{}") + ".", key("HS256")));
  // The public key used as a secret.
  const std::string confused = hs256(R"({"alg":"HS256"})", "{}", base::kRsaPublic);
  EXPECT_FALSE(verifies(confused, key("RS256", base::kRsaPublic)));
  EXPECT_FALSE(verifies(hs256(R"({"alg":"RS256"})", "{}", base::kRsaPublic), key("RS256", base::kRsaPublic)));
}

TEST(Jwt, WithAKeyPair) {
  const auto private_key = base::PrivateKey::from_pem(base::kRsaPrivate);
  for (const char* algorithm : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    const std::string text = part(std::string(R"({"alg":")") + algorithm + "\"}") + "." + part("{}");
    const auto signature = private_key->sign(*base::find_signature_algorithm(algorithm), text);
    ASSERT_TRUE(signature.has_value());
    EXPECT_TRUE(verifies(text + "." + part(*signature), key(algorithm, base::kRsaPublic)));
    EXPECT_FALSE(verifies(text + "." + part(*signature), key("ES256", base::kP256Private)));
  }
}

TEST(Jwt, WhatMustBeUnderstoodIsNot) {
  EXPECT_FALSE(verifies(hs256(R"({"alg":"HS256","crit":["b64"],"b64":false})", "{}"), key("HS256")));
}

TEST(JwtKey, RefusesWhatCannotSign) {
  EXPECT_FALSE(JwtKey::make("HS256", "").has_value());
  EXPECT_FALSE(JwtKey::make("none", "x").has_value());
  EXPECT_FALSE(JwtKey::make("", "x").has_value());
  EXPECT_FALSE(JwtKey::make("RS256", "a-secret").has_value());
}

}  // namespace
}  // namespace apisix::format
