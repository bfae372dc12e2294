// A cache without managers' objects: every reference is unresolved at once. Values need a manager:
// tests/integration/secrets_test.py.
#include "worker/secret/secret_cache.h"

#include <gtest/gtest.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"

namespace apisix::secret {
namespace {

using Held = base::Ref<const Secret>;

class SecretCacheTest : public testing::Test {
 protected:
  static std::string reference(int number) { return "$secret://vault/1/k/" + std::to_string(number); }

  Held fetched(SecretCache& cache, int number) {
    Held secret = cache.get(reference(number));
    for (int turn = 0; turn < 100 && secret->state() == Secret::State::kPending; ++turn) loop_.run_once(1);
    EXPECT_EQ(secret->state(), Secret::State::kUnresolved);
    return secret;
  }
  void turn() {
    for (int i = 0; i < 5; ++i) loop_.run_once(0);
  }

  event::Loop loop_;
  client::HttpClient http_{loop_};
};

TEST_F(SecretCacheTest, UnreferencedValuesAreKeptUpToTheCount) {
  SecretCache cache(loop_, http_, {.neg_count = 3});
  for (int i = 0; i < 10; ++i) fetched(cache, i);
  turn();
  EXPECT_EQ(cache.kept(), 3u);
}

TEST_F(SecretCacheTest, WhatIsHeldStays) {
  SecretCache cache(loop_, http_, {.neg_count = 3});
  std::vector<Held> held;
  for (int i = 0; i < 6; ++i) held.push_back(fetched(cache, i));
  turn();
  EXPECT_EQ(cache.kept(), 6u);
  for (const Held& secret : held) EXPECT_EQ(cache.get(secret->reference()), secret);
  // Those that come behind them and go are the ones that are forgotten.
  for (int i = 6; i < 20; ++i) fetched(cache, i);
  turn();
  EXPECT_LE(cache.kept(), 7u);
  held.clear();
  for (int i = 20; i < 30; ++i) fetched(cache, i);
  turn();
  EXPECT_EQ(cache.kept(), 3u);
}

TEST_F(SecretCacheTest, TheFirstRequestAsksOnceMore) {
  SecretCache cache(loop_, http_, {});
  const Held secret = fetched(cache, 0);
  cache.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kPending);
  EXPECT_EQ(fetched(cache, 0), secret);
  cache.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kUnresolved);
  const Held later = fetched(cache, 1);
  cache.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kUnresolved);
  EXPECT_EQ(later->state(), Secret::State::kPending);
}

TEST_F(SecretCacheTest, TheOneThatWasWantedLastIsForgottenLast) {
  SecretCache cache(loop_, http_, {.neg_count = 2});
  const Secret* const first = fetched(cache, 0).get();
  fetched(cache, 1);
  cache.get(reference(0));
  fetched(cache, 2);
  turn();
  EXPECT_EQ(cache.kept(), 2u);
  EXPECT_EQ(cache.get(reference(0)).get(), first);
  EXPECT_EQ(first->state(), Secret::State::kUnresolved);
}

TEST_F(SecretCacheTest, ACountOfZeroKeepsWhatIsHeld) {
  SecretCache cache(loop_, http_, {.neg_count = 0});
  const Held held = fetched(cache, 0);
  for (int i = 1; i < 10; ++i) fetched(cache, i);
  turn();
  EXPECT_LE(cache.kept(), 2u) << "the last one goes with the next";
  EXPECT_EQ(cache.get(reference(0)), held);
}

TEST_F(SecretCacheTest, OneThatIsForgottenAndWantedAgainIsAskedAgain) {
  SecretCache cache(loop_, http_, {.neg_count = 1});
  fetched(cache, 0);
  fetched(cache, 1);  // 0 is on its way out
  const Held again = fetched(cache, 0);
  turn();
  EXPECT_EQ(cache.get(reference(0)), again);
}

}  // namespace
}  // namespace apisix::secret
