// Forward between a client and nodes that speak no protocol: what is retried and what is not, deadlines, and
// which side waits.
#include <string>

#include "tests/unit/worker/proxy/forward_exchange_fixture.h"
#include "worker/proxy/websocket_frames.h"

namespace apisix::proxy {
namespace {

using ::testing::ElementsAre;
using Ending = ClientExchange::Ending;
using Kind = FakeExchange::Kind;
using Processed = upstream::Exchange::Processed;

TEST_F(ForwardExchangeTest, RequestAndItsResponseAreOneWriteEach) {
  open();
  request();
  EXPECT_EQ(node().target, "/path");
  EXPECT_EQ(node().host, "a.test");
  EXPECT_EQ(node().writes, 1);
  EXPECT_TRUE(node().request_ended);
  node().respond("hello");
  EXPECT_EQ(exchange_.status, 200);
  EXPECT_EQ(exchange_.body, "hello");
  EXPECT_EQ(exchange_.writes, 1);
  EXPECT_EQ(exchange_.content_length, 5u);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
  EXPECT_FALSE(node().is_aborted);
}

TEST_F(ForwardExchangeTest, BytesAreThoseOfTheExchange) {
  open();
  request("POST", http::Framing::kLength, 4);
  more_content("body");
  node().begin(node().head(200, http::Framing::kLength, 2));
  node().content("ok", true);
  const plugin::Attempt& attempt = *stream_->request().attempts.last;
  EXPECT_EQ(attempt.bytes_sent, 104u);
  EXPECT_EQ(attempt.bytes_received, 102u);
  EXPECT_EQ(attempt.body_bytes_received, 2u);
  EXPECT_EQ(attempt.status, 200);
}

// --- retries

TEST_F(ForwardExchangeTest, AnyMethodIsRetriedWhenNothingWasProcessed) {
  open(2);
  opener_.plans = {{.is_connected = false}};
  request("POST");
  node().fail({.kind = Kind::kConnect, .processed = Processed::kNo, .error_number = ECONNREFUSED});
  ASSERT_EQ(attempts(), 2u);
  EXPECT_FALSE(node(0).endpoint == node(1).endpoint);
  node(1).respond("ok");
  EXPECT_EQ(exchange_.status, 200);
}

TEST_F(ForwardExchangeTest, PostIsNotRetriedWhenItMayBeProcessed) {  // RFC 9110 9.2.2
  open(2);
  request("POST");
  node().break_off();
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, PutIsRetriedWhenItMayBeProcessed) {
  open(2);
  request("PUT");
  node().break_off();
  ASSERT_EQ(attempts(), 2u);
  node(1).respond("ok");
  EXPECT_EQ(exchange_.status, 200);
}

TEST_F(ForwardExchangeTest, WhatOneNodeMayHaveProcessedStaysSoForTheNext) {
  open(3);
  request("GET");
  node(0).break_off();
  node(1).fail({.kind = Kind::kConnect, .processed = Processed::kNo});
  ASSERT_EQ(attempts(), 3u);
  stream_->request().upstream.method = "POST";
  node(2).fail({.kind = Kind::kConnect, .processed = Processed::kNo});
  EXPECT_EQ(attempts(), 3u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, BadResponseIsNotRetried) {
  open(2);
  request();
  node().fail({.kind = Kind::kBadResponse, .processed = Processed::kMaybe, .what = "nonsense"});
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, RetriesEndWithTheNodes) {
  open(2);
  request();
  node(0).break_off();
  node(1).break_off();
  EXPECT_EQ(attempts(), 2u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, StaleConnectionIsReplacedAndNotCounted) {
  open(1);  // no retries
  opener_.plans = {{.breaks_at_write = true, .is_stale = true}};
  request("POST");
  ASSERT_EQ(attempts(), 2u);
  EXPECT_TRUE(node(0).endpoint == node(1).endpoint);
  node(1).fail({.kind = Kind::kReceive, .processed = Processed::kMaybe, .is_stale = true});
  EXPECT_EQ(attempts(), 2u);  // a POST that may be processed
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, HeadThatCannotBeWrittenIs502AndNotRetried) {
  open(2);
  opener_.plans = {{.is_connected = false, .breaks_at_write = true, .kind = Kind::kUnwritable}};
  request();
  exchange_.unsent = 5;  // the client still reads
  node().connect();
  EXPECT_EQ(exchange_.status, 502);
  pass_ms(100'000);
  EXPECT_EQ(attempts(), 1u);
}

// A client's bytes may be in it: no node is connected to, tried or blamed for it.
TEST_F(ForwardExchangeTest, TargetThatIsNotOneWordIs502WithoutAnAttempt) {
  open(2);
  stream_->request().upstream.uri = "/a b";
  request();
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_EQ(attempts(), 0u);
  EXPECT_EQ(stream_->request().attempts.last, nullptr);
}

TEST_F(ForwardExchangeTest, MissingDescriptorSaysNothingAboutTheNode) {
  open(1);
  opener_.refusals = {{base::ErrorCode::kIo, base::ErrorSource::kGateway, true, "no descriptor"}};
  request();
  EXPECT_EQ(attempts(), 0u);
  EXPECT_EQ(exchange_.status, 502);
}

// --- the body again

TEST_F(ForwardExchangeTest, BodyIsReplayedAsContent) {
  open(2);
  exchange_.give("first");
  request("PUT", http::Framing::kChunked);
  more_content(" second");
  EXPECT_EQ(node(0).writes, 2);
  node(0).break_off();
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(node(1).body, "first second");
  EXPECT_FALSE(node(1).request_ended);
  exchange_.give_end();
  more_content(" third");
  EXPECT_EQ(node(1).body, "first second third");
  EXPECT_TRUE(node(1).request_ended);
}

TEST_F(ForwardExchangeTest, BodyThatHasEndedIsReplayedWithItsEndAndTrailers) {
  open(2);
  exchange_.give("all");
  exchange_.give_end();
  base::Arena arena;
  exchange_.trailers.add(arena, "X-T", "1");
  request("PUT", http::Framing::kChunked);
  EXPECT_EQ(node(0).trailer, "1");
  node(0).break_off();
  EXPECT_EQ(node(1).body, "all");
  EXPECT_EQ(node(1).writes, 1);
  EXPECT_TRUE(node(1).request_ended);
  EXPECT_EQ(node(1).trailer, "1");
}

TEST_F(ForwardExchangeTest, LongBodyIsNotReplayed) {
  open(2);
  exchange_.give(std::string(limits::kReplayBytesMax, 'x'));
  request("PUT", http::Framing::kChunked);
  more_content("x");
  node().break_off();
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, LongBodyThatNoNodeTookIsSentAgain) {
  open(1);
  opener_.plans = {{.breaks_at_write = true, .is_stale = true}};
  const std::string body(limits::kReplayBytesMax + 1, 'x');
  exchange_.give(body);
  request("POST", http::Framing::kChunked);
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(node(1).body, body);
  EXPECT_EQ(stream_->request().received.bytes, 200 + body.size());  // counted once
}

TEST_F(ForwardExchangeTest, BodyThatNoNodeTookCountsForItsLimit) {
  open(1);
  proxy_options_.client_max_body_bytes = 4;
  opener_.plans = {{.breaks_at_write = true, .is_stale = true}};
  exchange_.give("12345");
  request("POST", http::Framing::kChunked);
  EXPECT_EQ(exchange_.status, 413);
}

// --- deadlines

TEST_F(ForwardExchangeTest, ConnectTimeoutGoesToTheNextNode) {
  open(2, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  opener_.plans = {{.is_connected = false}};
  request();
  EXPECT_EQ(state(), Forward::State::kConnecting);
  pass_ms(1100);
  EXPECT_TRUE(node(0).is_aborted);
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(stream_->request().attempts.first->status, 504);
}

TEST_F(ForwardExchangeTest, WaitInLineThatIsTooLongIsNoTimeoutOfTheNode) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  opener_.plans = {{.is_connected = false, .is_in_line = true}};
  request();
  pass_ms(1100);
  EXPECT_TRUE(node(0).is_aborted);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, SilentNodeGets504) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  request();
  pass_ms(2500);
  EXPECT_EQ(exchange_.status, 0);
  pass_ms(700);
  EXPECT_EQ(exchange_.status, 504);
  EXPECT_TRUE(node().was_reset);
}

TEST_F(ForwardExchangeTest, SendTimeoutIsThatOfANodeThatDoesNotTake) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":30})");
  request("POST", http::Framing::kLength, 100);
  node().unsent = 5;
  more_content("abc");  // is kept: the node has not taken what it has
  EXPECT_EQ(node().body, "");
  pass_ms(2100);
  EXPECT_EQ(exchange_.status, 504);
}

TEST_F(ForwardExchangeTest, NoTimeoutOfTheNodeRunsWhileTheClientSends) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  request("POST", http::Framing::kLength, 100);
  pass_ms(10'000);
  EXPECT_EQ(state(), Forward::State::kAwaitHead);
  EXPECT_EQ(exchange_.status, 0);
}

TEST_F(ForwardExchangeTest, TimeoutInTheBodyBreaksTheResponse) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  request();
  node().begin(node().head(200));
  node().content("part");
  pass_ms(3100);
  EXPECT_TRUE(node().was_reset);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

TEST_F(ForwardExchangeTest, EndedAttemptHasNoTimeout) {
  open(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  exchange_.unsent = 10;  // the client still reads
  request();
  node().respond("ok");
  pass_ms(10'000);
  EXPECT_TRUE(exchange_.endings.empty());
  EXPECT_EQ(exchange_.status, 200);
}

// --- a side that is slow stops the other

TEST_F(ForwardExchangeTest, SlowNodeStopsTheClientAndAsksAgain) {
  open();
  request("POST", http::Framing::kLength, 100);
  node().unsent = 5;
  EXPECT_FALSE(stream_->forward().wants_request_content());
  more_content("abc");
  EXPECT_EQ(node().body, "");
  const int resumed = exchange_.resumed;
  node().take_everything();
  EXPECT_EQ(exchange_.resumed, resumed + 1);
  EXPECT_TRUE(stream_->forward().wants_request_content());
  stream_->on_request_content();
  EXPECT_EQ(node().body, "abc");
}

TEST_F(ForwardExchangeTest, SlowClientStopsTheNodeUntilItHasTakenEverything) {
  open();
  request();
  node().begin(node().head(200));
  exchange_.unsent = limits::kOutputPendingBytesMax + 1;
  node().content("part");
  EXPECT_TRUE(node().is_paused);
  node().content("that was read already");
  EXPECT_EQ(node().pauses, 1);
  exchange_.unsent = 0;
  stream_->on_writable();
  EXPECT_FALSE(node().is_paused);
}

// --- the response

TEST_F(ForwardExchangeTest, InformationalResponsesHaveALimit) {
  open(2);
  request();
  for (std::uint32_t i = 0; i < limits::kInformationalResponsesMax; ++i) node().inform(103);
  EXPECT_EQ(exchange_.informational.size(), limits::kInformationalResponsesMax);
  EXPECT_EQ(exchange_.status, 0);
  node().inform(103);
  EXPECT_TRUE(node().was_reset);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(exchange_.status, 502);
}

TEST_F(ForwardExchangeTest, ContinueOfTheNodeEndsHere) {  // RFC 9110 10.1.1
  open();
  request();
  node().inform(100);
  node().inform(103);
  EXPECT_THAT(exchange_.informational, ElementsAre(103));
}

TEST_F(ForwardExchangeTest, TrailersOfTheNodeReachTheClient) {
  open();
  request();
  base::Arena arena;
  http::HeaderMap trailers;
  trailers.add(arena, "X-Sum", "5");
  node().begin(node().head(200));
  node().content("abc", true, false, &trailers);
  EXPECT_EQ(exchange_.trailer("X-Sum"), "5");
}

TEST_F(ForwardExchangeTest, FailureInTheBodyBreaksTheResponse) {
  open(2);
  request();
  node().begin(node().head(200));
  node().content("part");
  node().break_off();
  EXPECT_EQ(attempts(), 1u);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

TEST_F(ForwardExchangeTest, ClientThatDisconnectsResetsTheExchange) {
  open();
  request();
  stream_->on_client_reset();
  EXPECT_TRUE(node().was_reset);
  EXPECT_EQ(state(), Forward::State::kDone);
}

TEST_F(ForwardExchangeTest, EarlyResponseOfTheNodeEndsTheRequest) {
  open();
  request("POST", http::Framing::kLength, 100);
  node().respond("no");
  more_content("late");
  EXPECT_EQ(node().body, "");
  EXPECT_EQ(exchange_.status, 200);
}

// --- bodies that filters see

TEST_F(ForwardExchangeTest, BodyOfAHeadResponseIsDropped) {
  open();
  request("HEAD");
  node().begin(node().head(200));
  node().content("must not be");
  node().content(" here", true);
  EXPECT_EQ(exchange_.body, "");
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

// --- an upgrade

TEST_F(ForwardExchangeTest, UpgradeBecomesATunnel) {
  upgrades_ = true;
  open(1, R"(,"enable_websocket":true)");
  request();
  http::ResponseHead& head = node().head(101);
  head.upgrade = true;
  head.headers.add(stream_->arena(), "Upgrade", "websocket");
  node().upgrade(head, "\x81\x02hi");
  EXPECT_TRUE(node().is_tunnel);
  EXPECT_EQ(exchange_.protocol, "websocket");
  EXPECT_EQ(exchange_.body, "\x81\x02hi");
  more_content("to the node");
  EXPECT_EQ(node().body, "to the node");
  node().tunnel("to the client");
  EXPECT_EQ(exchange_.body, "\x81\x02hito the client");
  stream_->on_client_closed();
  EXPECT_TRUE(node().is_shut_down);
  node().close_tunnel();
  EXPECT_EQ(state(), Forward::State::kDone);
  EXPECT_TRUE(node().is_aborted);
  EXPECT_FALSE(node().was_reset);
}

TEST_F(ForwardExchangeTest, UpgradeThatWasNotAskedForIs502) {
  open(2);
  request();
  http::ResponseHead& head = node().head(101);
  head.upgrade = true;
  node().upgrade(head, "");
  EXPECT_FALSE(node().is_tunnel);
  EXPECT_TRUE(node().was_reset);
  EXPECT_EQ(exchange_.status, 502);
}

// Each direction gets its goodbye behind the frame that is on its way.
TEST_F(ForwardExchangeTest, WebSocketIsClosedBetweenFrames) {
  upgrades_ = true;
  open(1, R"(,"enable_websocket":true)");
  request();
  http::ResponseHead& head = node().head(101);
  head.upgrade = true;
  head.headers.add(stream_->arena(), "Upgrade", "websocket");
  node().upgrade(head, "\x81\x02h");
  more_content("\x81\x01x");
  stream_->shut_down();
  EXPECT_EQ(node().body, "\x81\x01x" + std::string(kGoingAwayToServer));
  EXPECT_TRUE(node().is_shut_down);
  EXPECT_EQ(exchange_.body, "\x81\x02h");
  node().tunnel("i\x81\x01y");
  EXPECT_EQ(exchange_.body, "\x81\x02hi" + std::string(kGoingAwayToClient));
  node().tunnel("\x81\x01z");
  more_content("late");
  EXPECT_EQ(exchange_.body, "\x81\x02hi" + std::string(kGoingAwayToClient));
  EXPECT_EQ(node().body, "\x81\x01x" + std::string(kGoingAwayToServer));
  EXPECT_EQ(state(), Forward::State::kTunnel);
  stream_->on_client_closed();
  EXPECT_EQ(state(), Forward::State::kDone);
}

TEST_F(ForwardExchangeTest, SilentTunnelEnds) {
  upgrades_ = true;
  open(1, R"(,"enable_websocket":true,"timeout":{"connect":1,"send":2,"read":3})");
  request();
  http::ResponseHead& head = node().head(101);
  head.upgrade = true;
  head.headers.add(stream_->arena(), "Upgrade", "websocket");
  node().upgrade(head, "");
  pass_ms(2000);
  node().tunnel("x");
  pass_ms(2000);
  EXPECT_EQ(state(), Forward::State::kTunnel);
  pass_ms(1200);
  EXPECT_EQ(state(), Forward::State::kDone);
}

// As in nginx the send timeout runs while the node does not take what waits for it, and begins anew when it
// takes some.
TEST_F(ForwardExchangeTest, TunnelWhoseNodeTakesNothingEnds) {
  upgrades_ = true;
  open(1, R"(,"enable_websocket":true,"timeout":{"connect":1,"send":2,"read":30})");
  request();
  http::ResponseHead& head = node().head(101);
  head.upgrade = true;
  head.headers.add(stream_->arena(), "Upgrade", "websocket");
  node().upgrade(head, "");
  pass_ms(5000);
  node().unsent = 100;
  more_content("\x81\x01x");  // waits in the client's buffer
  node().take_everything();
  pass_ms(5000);
  EXPECT_EQ(state(), Forward::State::kTunnel);
  node().unsent_after_write = 100;
  more_content("\x81\x01y");
  pass_ms(1500);
  EXPECT_EQ(state(), Forward::State::kTunnel);
  pass_ms(1000);
  EXPECT_EQ(state(), Forward::State::kDone);
}

}  // namespace
}  // namespace apisix::proxy
