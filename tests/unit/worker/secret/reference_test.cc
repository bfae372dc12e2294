#include "worker/secret/reference.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace apisix::secret {
namespace {

TEST(Reference, NamesManagerObjectAndKey) {
  const auto reference = parse_reference("$secret://vault/1/users/jack/key");
  ASSERT_TRUE(reference.has_value());
  EXPECT_EQ(reference->manager, "vault");
  EXPECT_EQ(reference->id, "1");
  EXPECT_EQ(reference->key, "users/jack/key");
}

TEST(Reference, WhatIsMissingIsTold) {
  const auto fault = [](std::string_view text) { return parse_reference(text).error().what; };
  EXPECT_EQ(fault("secret://vault/1/k"), "error secret_uri prefix: secret://vault/1/k");
  EXPECT_EQ(fault("$secret://vault"), "error format: no secret manager");
  EXPECT_EQ(fault("$secret://vault/1"), "error format: no secret conf id");
  EXPECT_EQ(fault("$secret://vault/1/"), "error format: no secret key id");
}

class Environment : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("SECRET_TEST_TEXT", "plain", 1);
    ::setenv("SECRET_TEST_JSON", R"({"user": "jack", "n": 7})", 1);
  }
  void TearDown() override {
    ::unsetenv("SECRET_TEST_TEXT");
    ::unsetenv("SECRET_TEST_JSON");
  }
};

TEST_F(Environment, AVariableOrAMemberOfIt) {
  EXPECT_EQ(read_environment("$env://SECRET_TEST_TEXT").value(), "plain");
  EXPECT_EQ(read_environment("$ENV://SECRET_TEST_TEXT/").value(), "plain");
  EXPECT_EQ(read_environment("$Env://SECRET_TEST_JSON/user").value(), "jack");
  EXPECT_EQ(read_environment("$env://SECRET_TEST_JSON/n").value(), 7);
}

TEST_F(Environment, WhatIsNotThereIsAnError) {
  EXPECT_FALSE(read_environment("$env://SECRET_TEST_NONE"));
  EXPECT_FALSE(read_environment("$env://SECRET_TEST_TEXT/user"));
  EXPECT_FALSE(read_environment("$env://SECRET_TEST_JSON/other"));
}

TEST_F(Environment, ExpandingKeepsWhatNamesNoVariable) {
  EXPECT_EQ(expand_environment("$ENV://SECRET_TEST_TEXT"), "plain");
  EXPECT_EQ(expand_environment("root"), "root");
  EXPECT_EQ(expand_environment("$ENV://SECRET_TEST_NONE"), "$ENV://SECRET_TEST_NONE");
}

}  // namespace
}  // namespace apisix::secret
