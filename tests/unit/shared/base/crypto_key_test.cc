#include "shared/base/crypto_key.h"

#include <gtest/gtest.h>

#include "shared/base/base64.h"
#include "tests/unit/shared/base/test_keys.h"

namespace apisix::base {
namespace {

using enum SignatureAlgorithm;

// Made with the openssl command over "a text".
constexpr std::string_view kRsaSignature =
    "W6PUvmcQT2LZ/WelpmYvcFcRmvwzpaiEovAbkPh2jgdo8ubYkmG1ZeI4gB6R79VmEk3GcgTjADKe1qYnK1heocVa4c"
    "AHyapHVZcWDFeNA+c+1x+b/YYCiY0/3YkLCcrvtg+d9b8XjpTDnuhHaxkxKZHiWUdo5NoY+SOK7jv3NsmvlWwCxIlz"
    "MKEg1cX/qRd99O0nY/XYtvhq9CQS8/f0lSQVciKCIx89NYZXr9syEmF5pMYrf89FQdDu7H7ovFl8rLY7zgWTVUdUiT"
    "R11eCj/HzwqUGkgSNVxi+q+MIcxIXjH48EeWTwwupRaaXF6PPTCm4b2p8Uq62ZSS5XbU7PTg==";
constexpr std::string_view kPssSignature =
    "YVb2+0XVJQkJHZa65lvUlFyhk8BTiL1QNfdA2jbFOsiakco49tvfxFEShLydvWVKmGfcraUJTfkaBV7qfRyN7B66oM"
    "acSSYRTg8JS9Av24DGXeKR2nSOr00crFv4JFQ5+vPBeNcFWMNgNv7IAIog3xqSPvUPV1ZGQfh76doJqUZ47C5ktNaM"
    "XaGjejyGW+s29zrkEyz1NCTOf3oGJp+KVf2SY+kxT+Y+DW6nLIJpLf5xcCEvnwY63dwJQtxZnpsI8Fo02Jv1EYzDoE"
    "x9WQSaZweVqrkzP5iiUZNUyyYcxkNedzbqoW3sJRQypWIhJf8jAqCDC7LK8Abh0aqOk3r9eg==";

PublicKey public_key(std::string_view pem) {
  auto key = PublicKey::from_pem(pem);
  EXPECT_TRUE(key.has_value());
  return std::move(*key);
}

TEST(CryptoKey, NamesOfAlgorithms) {
  EXPECT_EQ(find_signature_algorithm("RS256"), kRs256);
  EXPECT_EQ(find_signature_algorithm("EdDSA"), kEdDsa);
  EXPECT_EQ(find_signature_algorithm("none"), std::nullopt);
  EXPECT_EQ(find_signature_algorithm("HS256"), std::nullopt);
  EXPECT_EQ(find_signature_algorithm("rs256"), std::nullopt);
}

// RFC 7515 A.3 and RFC 8037 A.4.
TEST(CryptoKey, VerifiesTheExamplesOfTheStandards) {
  const PublicKey p256 = public_key(R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
-----END PUBLIC KEY-----
)");
  const std::string signature = *decode_base64url(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
  const std::string_view text =
      "eyJhbGciOiJFUzI1NiJ9."
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
      "Ijp0cnVlfQ";
  EXPECT_TRUE(p256.verifies(kEs256, text, signature));
  EXPECT_FALSE(p256.verifies(kEs256, text.substr(1), signature));
  EXPECT_FALSE(p256.verifies(kEs384, text, signature));

  const PublicKey ed25519 = public_key(R"(-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
)");
  EXPECT_TRUE(ed25519.verifies(
      kEdDsa, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      *decode_base64url(
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")));
}

TEST(CryptoKey, VerifiesWhatOthersSigned) {
  for (const std::string_view pem : {kRsaPublic, kRsaCertificate, kRsaPrivate}) {
    const PublicKey key = public_key(pem);
    EXPECT_TRUE(key.verifies(kRs256, "a text", *decode_base64(kRsaSignature)));
    EXPECT_TRUE(key.verifies(kPs256, "a text", *decode_base64(kPssSignature)));
    EXPECT_FALSE(key.verifies(kPs256, "a text", *decode_base64(kRsaSignature)));
    EXPECT_FALSE(key.verifies(kRs256, "a text", *decode_base64(kPssSignature)));
    EXPECT_FALSE(key.verifies(kRs512, "a text", *decode_base64(kRsaSignature)));
    EXPECT_FALSE(key.verifies(kRs256, "another text", *decode_base64(kRsaSignature)));
    EXPECT_FALSE(key.verifies(kRs256, "a text", ""));
  }
}

TEST(CryptoKey, SignsByEveryAlgorithm) {
  struct Case {
    SignatureAlgorithm algorithm;
    std::string_view key;
    std::size_t signature_bytes;
  };
  for (const auto& [algorithm, pem, bytes] :
       {Case{kRs256, kRsaPrivate, 256}, Case{kRs384, kRsaPrivate, 256}, Case{kRs512, kRsaPrivate, 256},
        Case{kPs256, kRsaPrivate, 256}, Case{kPs384, kRsaPrivate, 256}, Case{kPs512, kRsaPrivate, 256},
        Case{kEs256, kP256Private, 64}, Case{kEs384, kP384Private, 96}, Case{kEs512, kP521Private, 132},
        Case{kEdDsa, kEd25519Private, 64}, Case{kEdDsa, kEd448Private, 114}}) {
    const auto key = PrivateKey::from_pem(pem);
    ASSERT_TRUE(key.has_value());
    const auto signature = key->sign(algorithm, "a text");
    ASSERT_TRUE(signature.has_value());
    EXPECT_EQ(signature->size(), bytes);
    EXPECT_TRUE(public_key(pem).verifies(algorithm, "a text", *signature));
    EXPECT_FALSE(public_key(pem).verifies(algorithm, "a texT", *signature));
    std::string longer = *signature + '\0';
    EXPECT_FALSE(public_key(pem).verifies(algorithm, "a text", longer));
    std::string flipped = *signature;
    flipped.back() ^= 1;
    EXPECT_FALSE(public_key(pem).verifies(algorithm, "a text", flipped));
  }
}

TEST(CryptoKey, AKeyServesNoAlgorithmOfAnotherKind) {
  const auto rsa = PrivateKey::from_pem(kRsaPrivate);
  EXPECT_FALSE(rsa->sign(kEs256, "a text").has_value());
  EXPECT_FALSE(rsa->sign(kEdDsa, "a text").has_value());
  EXPECT_FALSE(PrivateKey::from_pem(kP384Private)->sign(kEs256, "a text").has_value());
  EXPECT_FALSE(PrivateKey::from_pem(kP256Private)->sign(kRs256, "a text").has_value());
  // r = s = 0 passed for a signature in more than one library.
  EXPECT_FALSE(public_key(kP256Private).verifies(kEs256, "a text", std::string(64, '\0')));
}

TEST(CryptoKey, RefusesWhatIsNoKey) {
  EXPECT_FALSE(PublicKey::from_pem("").has_value());
  EXPECT_FALSE(
      PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").has_value());
  EXPECT_FALSE(PrivateKey::from_pem(kRsaPublic).has_value());
}

}  // namespace
}  // namespace apisix::base
