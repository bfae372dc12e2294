// Configurations over a cache whose managers are never reached: no network here.
#include "worker/secret/uses.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "worker/secret/secret_cache.h"

namespace apisix::secret {
namespace {

using format::Json;

Json json(std::string_view text) {
  return format::parse_json(text).value();
}

class UsesTest : public testing::Test {
 protected:
  UsesTest() { ::setenv("SECRET_TEST_HOST", "test.com", 1); }
  ~UsesTest() override { ::unsetenv("SECRET_TEST_HOST"); }

  event::Loop loop_;
  client::HttpClient http_{loop_};
  SecretCache cache_{loop_, http_, {}};
};

TEST_F(UsesTest, ReferencesAreFoundAtAnyDepth) {
  EXPECT_TRUE(has_references(json(R"({"a": [{"b": "$env://X"}]})")));
  EXPECT_TRUE(has_references(json(R"({"a": "$secret://vault/1/k/f"})")));
  EXPECT_FALSE(has_references(json(R"({"$env://X": "env://X", "b": 1, "c": null, "d": "$uri"})")));
}

TEST_F(UsesTest, VariablesAreKnownAtOnce) {
  Json conf =
      json(R"({"host": "$env://SECRET_TEST_HOST", "deep": {"list": ["$ENV://SECRET_TEST_HOST", 1]}})");
  const Uses uses = Uses::resolve(conf, cache_);
  EXPECT_EQ(conf, json(R"({"host": "test.com", "deep": {"list": ["test.com", 1]}})"));
  EXPECT_FALSE(uses.is_pending());
  EXPECT_FALSE(uses.has_unresolved());
  EXPECT_FALSE(uses.changed());
}

TEST_F(UsesTest, WhatCannotBeResolvedStaysAsItStands) {
  const Json before =
      json(R"({"a": "$env://SECRET_TEST_NONE", "b": "$secret://vault", "c": "$secret://vault/1/k/f"})");
  Json conf = before;
  const Uses uses = Uses::resolve(conf, cache_);
  EXPECT_EQ(conf, before);
  EXPECT_TRUE(uses.has_unresolved());
}

TEST_F(UsesTest, AnObjectThatAppearsMakesItsSecretsPending) {
  Json conf = json(R"({"c": "$secret://vault/1/k/f"})");
  Uses uses = Uses::resolve(conf, cache_);  // there is no such object
  EXPECT_TRUE(uses.has_unresolved());
  const std::uint64_t version = cache_.version();
  const std::string uri = "http://127.0.0.1:1";
  ASSERT_TRUE(cache_.put("vault/1", {.key = "/apisix/secrets/vault/1",
                                     .value = R"({"uri": ")" + uri + R"(", "prefix": "kv", "token": "t"})"}));
  EXPECT_TRUE(uses.changed());
  EXPECT_TRUE(uses.is_pending());
  EXPECT_GT(cache_.version(), version);
}

TEST_F(UsesTest, AManagerThatIsNotKnownIsRefused) {
  EXPECT_FALSE(cache_.put("safe/1", {.key = "/apisix/secrets/safe/1", .value = "{}"}));
  EXPECT_FALSE(cache_.put("vault/1", {.key = "/apisix/secrets/vault/1", .value = R"({"prefix": "kv"})"}));
}

TEST_F(UsesTest, OneSecretIsAskedForOnceHoweverManyUseIt) {
  EXPECT_EQ(cache_.get("$secret://vault/1/k/f"), cache_.get("$secret://vault/1/k/f"));
}

}  // namespace
}  // namespace apisix::secret
