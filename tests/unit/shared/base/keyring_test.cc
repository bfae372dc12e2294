#include "shared/base/keyring.h"

#include <gtest/gtest.h>

#include "shared/base/base64.h"
#include "shared/base/crypto.h"

namespace apisix::base {
namespace {

constexpr const char* kKey = "edd1c9f0985e76a2";
constexpr const char* kOlderKey = "qeddd145sfvddff3";

TEST(Keyring, WritesWhatApisixWrites) {
  const Keyring keyring({kKey});
  EXPECT_EQ(keyring.encrypt("bar"), "77+NmbYqNfN+oLm0aX5akg==");
  EXPECT_EQ(keyring.decrypt("77+NmbYqNfN+oLm0aX5akg=="), "bar");
}

TEST(Keyring, EncryptsWithTheFirstKeyAndDecryptsWithAny) {
  const Keyring before({kOlderKey});
  const Keyring after({kKey, kOlderKey});
  EXPECT_EQ(after.decrypt(before.encrypt("secret")), "secret");
  EXPECT_EQ(after.encrypt("secret"), Keyring({kKey}).encrypt("secret"));
  EXPECT_FALSE(before.decrypt(after.encrypt("secret")).has_value());
}

TEST(Keyring, ALongKeyIsAes256) {
  const Keyring keyring({"0123456789abcdef0123456789abcdef"});
  const std::string stored = keyring.encrypt("secret");
  EXPECT_EQ(keyring.decrypt(stored), "secret");
  EXPECT_NE(stored, Keyring({"0123456789abcdef"}).encrypt("secret"));
}

TEST(Keyring, RefusesWhatItDidNotWrite) {
  const Keyring keyring({kKey});
  EXPECT_EQ(keyring.decrypt("not base64!").error().what, "base64 decode failed");
  EXPECT_EQ(keyring.decrypt("bar").error().what, "decrypt failed");
  EXPECT_EQ(keyring.decrypt("").error().what, "decrypt failed");
}

TEST(Keyring, WithoutKeysTextsStayAsTheyAre) {
  EXPECT_EQ(Keyring().encrypt("secret"), "secret");
  EXPECT_EQ(Keyring().decrypt("secret"), "secret");
}

TEST(Keyring, OfPrivateKeysOnlyPemIsEncrypted) {
  const Keyring keyring({kKey});
  const std::string pem = "-----BEGIN PRIVATE KEY-----\n...";
  const std::string stored = keyring.encrypt_pem(pem);
  EXPECT_NE(stored, pem);
  EXPECT_EQ(keyring.encrypt_pem(stored), stored);
  EXPECT_EQ(keyring.decrypt_pem(stored), pem);
  EXPECT_EQ(keyring.decrypt_pem(pem), pem);
  EXPECT_EQ(keyring.encrypt_pem("$secret://vault/1/key"), "$secret://vault/1/key");
}

}  // namespace
}  // namespace apisix::base
