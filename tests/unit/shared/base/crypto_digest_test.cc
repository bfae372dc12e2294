#include "shared/base/crypto_digest.h"

#include <gtest/gtest.h>

namespace apisix::base {
namespace {

// FIPS 180-4 and RFC 1321.
TEST(Digest, OfTheStandardsExamples) {
  EXPECT_EQ(digest_of(Digest::kMd5, "abc").hex(), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(digest_of(Digest::kSha1, "abc").hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest_of(Digest::kSha256, "abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      digest_of(Digest::kSha384, "").hex(),
      "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b");
  EXPECT_EQ(digest_of(Digest::kSha512, "abc").hex(),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
            "454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(digest_of(Digest::kSha256, "abc").view().size(), 32U);
}

// RFC 2202 and RFC 4231, case 2.
TEST(Hmac, OfTheStandardsExamples) {
  const std::string_view text = "what do ya want for nothing?";
  EXPECT_EQ(hmac_of(Digest::kSha1, "Jefe", text).hex(), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hmac_of(Digest::kSha256, "Jefe", text).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hmac_of(Digest::kSha384, "Jefe", text).hex(),
      "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
  EXPECT_EQ(hmac_of(Digest::kSha512, "Jefe", text).hex(),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
            "caeab1a34d4a6b4b636e070a38bce737");
}

// The key of the call before must not be used again.
TEST(Hmac, AnEmptyKeyIsAKey) {
  static_cast<void>(hmac_of(Digest::kSha256, "Jefe", "a"));
  EXPECT_EQ(hmac_of(Digest::kSha256, {}, "").hex(),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace apisix::base
