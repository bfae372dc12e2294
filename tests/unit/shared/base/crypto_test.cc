#include "shared/base/crypto.h"

#include <gtest/gtest.h>

#include "tests/unit/shared/base/test_keys.h"

namespace apisix::base {
namespace {

TEST(Crypto, ComparesWholeTexts) {
  EXPECT_TRUE(equals_in_constant_time("", ""));
  EXPECT_TRUE(equals_in_constant_time("token", "token"));
  EXPECT_FALSE(equals_in_constant_time("token", "tokem"));
  EXPECT_FALSE(equals_in_constant_time("token", "token1"));
}

TEST(Crypto, RefusesKeysOfOtherLengths) {
  EXPECT_FALSE(encrypt_aes_cbc("short", "0123456789abcdef", "x").has_value());
  EXPECT_FALSE(encrypt_aes_cbc("0123456789abcdef", "short", "x").has_value());
}

TEST(Crypto, SaysWhatIsNoCertificate) {
  EXPECT_EQ(check_certificate_pem("").error().what, "PEM_read_bio_X509_AUX() failed");
  EXPECT_EQ(
      check_private_key_pem("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n").error().what,
      "PEM_read_bio_PrivateKey() failed");
}

TEST(Crypto, KnowsTheKeyOfACertificate) {
  EXPECT_TRUE(is_key_of_certificate(kRsaPrivate, kRsaCertificate));
  EXPECT_FALSE(is_key_of_certificate(kP256Private, kRsaCertificate));
  EXPECT_FALSE(is_key_of_certificate(kEd25519Private, kRsaCertificate));
  EXPECT_FALSE(is_key_of_certificate("", kRsaCertificate));
  EXPECT_FALSE(is_key_of_certificate(kRsaPrivate, ""));
}

TEST(Crypto, TheKeyIsThatOfTheFirstCertificateOfAChain) {
  const std::string chain = std::string(kSm2Certificate) + std::string(kRsaCertificate);
  EXPECT_TRUE(is_key_of_certificate(kSm2Private, chain));
  EXPECT_FALSE(is_key_of_certificate(kRsaPrivate, chain));
}

TEST(Crypto, KnowsTheKeysOfShangMiCertificates) {
  EXPECT_TRUE(check_certificate_pem(kSm2Certificate).has_value());
  EXPECT_TRUE(is_key_of_certificate(kSm2Private, kSm2Certificate));
  EXPECT_FALSE(is_key_of_certificate(kOtherSm2Private, kSm2Certificate));
  EXPECT_FALSE(is_key_of_certificate(kP256Private, kSm2Certificate));
}

}  // namespace
}  // namespace apisix::base
