// A book without managers' objects: every reference is answered at once, with no. Values need a manager:
// tests/integration/secrets_test.py.
#include "worker/secret/secret_book.h"

#include <gtest/gtest.h>

#include "shared/client/http_client.h"
#include "shared/event/loop.h"

namespace apisix::secret {
namespace {

using Held = base::Ref<const Secret>;

class SecretBookTest : public testing::Test {
 protected:
  static std::string reference(int number) { return "$secret://vault/1/k/" + std::to_string(number); }

  Held settled(SecretBook& book, int number) {
    Held secret = book.get(reference(number));
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

TEST_F(SecretBookTest, WhatNobodyHoldsIsKeptUpToTheCount) {
  SecretBook book(loop_, http_, {.neg_count = 3});
  for (int i = 0; i < 10; ++i) settled(book, i);
  turn();
  EXPECT_EQ(book.kept(), 3u);
}

TEST_F(SecretBookTest, WhatIsHeldStays) {
  SecretBook book(loop_, http_, {.neg_count = 3});
  std::vector<Held> held;
  for (int i = 0; i < 6; ++i) held.push_back(settled(book, i));
  turn();
  EXPECT_EQ(book.kept(), 6u);
  for (const Held& secret : held) EXPECT_EQ(book.get(secret->reference()), secret);
  // Those that come behind them and go are the ones that are forgotten.
  for (int i = 6; i < 20; ++i) settled(book, i);
  turn();
  EXPECT_LE(book.kept(), 7u);
  held.clear();
  for (int i = 20; i < 30; ++i) settled(book, i);
  turn();
  EXPECT_EQ(book.kept(), 3u);
}

TEST_F(SecretBookTest, TheFirstRequestAsksOnceMore) {
  SecretBook book(loop_, http_, {});
  const Held secret = settled(book, 0);
  book.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kPending);
  EXPECT_EQ(settled(book, 0), secret);
  book.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kUnresolved);
  const Held later = settled(book, 1);
  book.want_all();
  EXPECT_EQ(secret->state(), Secret::State::kUnresolved);
  EXPECT_EQ(later->state(), Secret::State::kPending);
}

TEST_F(SecretBookTest, TheOneThatWasWantedLastIsForgottenLast) {
  SecretBook book(loop_, http_, {.neg_count = 2});
  const Secret* const first = settled(book, 0).get();
  settled(book, 1);
  book.get(reference(0));
  settled(book, 2);
  turn();
  EXPECT_EQ(book.kept(), 2u);
  EXPECT_EQ(book.get(reference(0)).get(), first);
  EXPECT_EQ(first->state(), Secret::State::kUnresolved);
}

TEST_F(SecretBookTest, ACountOfZeroKeepsWhatIsHeld) {
  SecretBook book(loop_, http_, {.neg_count = 0});
  const Held held = settled(book, 0);
  for (int i = 1; i < 10; ++i) settled(book, i);
  turn();
  EXPECT_LE(book.kept(), 2u) << "the last one goes with the next";
  EXPECT_EQ(book.get(reference(0)), held);
}

TEST_F(SecretBookTest, OneThatIsForgottenAndWantedAgainIsAskedAgain) {
  SecretBook book(loop_, http_, {.neg_count = 1});
  settled(book, 0);
  settled(book, 1);  // 0 is on its way out
  const Held again = settled(book, 0);
  turn();
  EXPECT_EQ(book.get(reference(0)), again);
}

}  // namespace
}  // namespace apisix::secret
