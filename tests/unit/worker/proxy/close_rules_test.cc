// What happens to a connection after an exchange: every combination, against the sentences of RFC 9112.
#include "worker/proxy/close_rules.h"

#include <gtest/gtest.h>

namespace apisix::proxy {
namespace {

constexpr int kCombinations = 1 << 6;

bool bit(int combination, int number) {
  return (combination >> number & 1) != 0;
}

ClientOutcome exchange_of(int combination) {
  return {.wants_keep_alive = bit(combination, 0),
          .request_read = bit(combination, 1),
          .response_complete = bit(combination, 2),
          .response_delimited = bit(combination, 3),
          .draining = bit(combination, 4),
          .more_received = bit(combination, 5)};
}

TEST(CloseRules, AClientIsKeptOnlyWhenBothMessagesAreWholeAndBothSidesWantTo) {
  int kept = 0;
  for (int i = 0; i < kCombinations; ++i) {
    if (decide_client(exchange_of(i)) != AfterResponse::kKeep) continue;
    ++kept;
    const ClientOutcome exchange = exchange_of(i);
    EXPECT_TRUE(exchange.wants_keep_alive && exchange.request_read && exchange.response_complete &&
                exchange.response_delimited && !exchange.draining)
        << "combination " << i;
  }
  EXPECT_EQ(kept, 2);  // whatever was received behind it: that is the next request
}

// RFC 9112 section 8: a response that ends with the connection and was cut off must not look complete.
TEST(CloseRules, ACutResponseWithoutALengthEndsInAReset) {
  for (int i = 0; i < kCombinations; ++i) {
    const ClientOutcome exchange = exchange_of(i);
    const bool looks_complete = !exchange.response_complete && !exchange.response_delimited;
    EXPECT_EQ(decide_client(exchange) == AfterResponse::kReset, looks_complete) << "combination " << i;
  }
}

// RFC 9112 section 9.6: closing while the client still sends would reset the connection and lose the
// response.
TEST(CloseRules, ACompleteResponseIsNotLostToAClientThatStillSends) {
  for (int i = 0; i < kCombinations; ++i) {
    const ClientOutcome exchange = exchange_of(i);
    if (!exchange.response_complete) continue;
    const AfterResponse after = decide_client(exchange);
    if (!exchange.request_read) {
      EXPECT_EQ(after, AfterResponse::kLinger) << "combination " << i;
    } else if (after != AfterResponse::kKeep) {
      EXPECT_EQ(after, exchange.more_received ? AfterResponse::kLinger : AfterResponse::kClose)
          << "combination " << i;
    }
  }
}

// A head that promises to keep the connection is kept to when the exchange ends well.
TEST(CloseRules, WhatTheHeadPromisesIsKept) {
  for (int i = 0; i < kCombinations; ++i) {
    ClientOutcome exchange = exchange_of(i);
    exchange.request_read = exchange.response_complete = true;
    const bool promised =
        may_keep_client(exchange.wants_keep_alive, exchange.response_delimited, true, exchange.draining);
    EXPECT_EQ(decide_client(exchange) == AfterResponse::kKeep, promised) << "combination " << i;
  }
  EXPECT_FALSE(may_keep_client(true, true, false, false));  // a body that will not be read is in the way
}

// --- the same, one rule at a time

constexpr ClientOutcome kGoodExchange{.wants_keep_alive = true,
                                      .request_read = true,
                                      .response_complete = true,
                                      .response_delimited = true,
                                      .draining = false,
                                      .more_received = false};

TEST(CloseRules, AnExchangeThatEndedWellKeepsTheConnection) {
  EXPECT_EQ(decide_client(kGoodExchange), AfterResponse::kKeep);
}

TEST(CloseRules, ANextRequestThatIsThereKeepsTheConnection) {
  ClientOutcome exchange = kGoodExchange;
  exchange.more_received = true;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kKeep);
}

// RFC 9112 9.3: "close", or HTTP/1.0 without keep-alive.
TEST(CloseRules, AClientThatWantsNoMoreIsClosed) {
  ClientOutcome exchange = kGoodExchange;
  exchange.wants_keep_alive = false;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kClose);
}

TEST(CloseRules, ADrainingWorkerClosesBehindTheResponse) {
  ClientOutcome exchange = kGoodExchange;
  exchange.draining = true;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kClose);
}

// RFC 9112 6.3: without a length or chunks only the end of the connection ends the body.
TEST(CloseRules, AResponseWithoutALengthEndsWithTheConnection) {
  ClientOutcome exchange = kGoodExchange;
  exchange.response_delimited = false;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kClose);
}

TEST(CloseRules, BytesBehindALastRequestAreReadBeforeClosing) {
  ClientOutcome exchange = kGoodExchange;
  exchange.draining = exchange.more_received = true;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kLinger);
}

TEST(CloseRules, ARequestBodyThatIsStillComingIsReadBeforeClosing) {
  ClientOutcome exchange = kGoodExchange;
  exchange.request_read = false;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kLinger);
}

TEST(CloseRules, AResponseThatMissesItsLengthIsClosed) {
  ClientOutcome exchange = kGoodExchange;
  exchange.response_complete = false;
  EXPECT_EQ(decide_client(exchange), AfterResponse::kClose);  // the client sees that bytes are missing
}

TEST(CloseRules, AHeadPromisesNothingThatOneConditionForbids) {
  EXPECT_TRUE(may_keep_client(true, true, true, false));
  EXPECT_FALSE(may_keep_client(false, true, true, false));
  EXPECT_FALSE(may_keep_client(true, false, true, false));
  EXPECT_FALSE(may_keep_client(true, true, true, true));
}

}  // namespace
}  // namespace apisix::proxy
