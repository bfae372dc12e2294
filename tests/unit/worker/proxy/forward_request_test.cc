// Request bodies that plugins filter on their way to the upstream: framing, retries, which side waits, and
// what a refused one becomes.
#include "tests/unit/worker/proxy/forward_exchange_fixture.h"
#include "tests/unit/worker/proxy/request_body_plugins.h"

namespace apisix::proxy {
namespace {

using Ending = ClientExchange::Ending;
using http::Framing;

class ForwardRequestTest : public ForwardExchangeTest {
 protected:
  template <typename... Plugins>
  void open_with(int nodes = 1, std::string_view more = "") {
    open(nodes, more);
    use_plugins<Plugins...>();
  }
};

TEST_F(ForwardRequestTest, BodyIsFilteredAsItComesAndGoesInChunks) {
  open_with<BodyDoubler>();
  request("POST", Framing::kLength, 4);
  EXPECT_EQ(node().framing, Framing::kChunked);
  more_content("ab");
  EXPECT_EQ(node().body, "abab");
  EXPECT_FALSE(node().request_ended);
  exchange_.give_end();
  more_content("cd");
  EXPECT_EQ(node().body, "ababcdcd");
  EXPECT_TRUE(node().request_ended);
  node().respond("ok");
  EXPECT_EQ(exchange_.status, 200);
}

TEST_F(ForwardRequestTest, BodyThatIsThereGoesOutInOneWriteWithItsNewLength) {
  open_with<BodyDoubler>();
  exchange_.give("abc");
  exchange_.give_end();
  request("POST", Framing::kLength, 3);
  EXPECT_EQ(node().framing, Framing::kLength);
  EXPECT_EQ(node().content_length, 6u);
  EXPECT_EQ(node().body, "abcabc");
  EXPECT_EQ(node().writes, 1);
}

TEST_F(ForwardRequestTest, TrailersNeedChunks) {
  open_with<BodyDoubler>();
  exchange_.give("abc");
  exchange_.give_end();
  base::Arena arena;
  exchange_.trailers.add(arena, "X-T", "1");
  request("POST", Framing::kChunked);
  EXPECT_EQ(node().framing, Framing::kChunked);
  EXPECT_EQ(node().trailer, "1");
}

TEST_F(ForwardRequestTest, RequestWithoutABodyMeetsNoFilter) {
  open_with<BodyHolder>();
  request();
  EXPECT_EQ(node().framing, Framing::kNone);
  EXPECT_EQ(node().body, "");
}

TEST_F(ForwardRequestTest, DigestsOfTheClientsBodyAreRemoved) {
  open_with<BodyDoubler>();
  fields_ = {{"Content-Digest", "sha-256=:x:"}, {"X-Other", "1"}};
  request("POST", Framing::kLength, 4);
  EXPECT_EQ(stream_->request().head->headers.find("Content-Digest"), nullptr);
  EXPECT_NE(stream_->request().head->headers.find("X-Other"), nullptr);
}

TEST_F(ForwardRequestTest, RetryGetsWhatWasFilteredOnce) {
  open_with<BodyDoubler>(2);
  exchange_.give("ab");
  request("PUT", Framing::kChunked);
  more_content("c");
  node(0).break_off();
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(node(1).body, "ababcc");
  EXPECT_FALSE(node(1).request_ended);
  exchange_.give_end();
  more_content("d");
  EXPECT_EQ(node(1).body, "ababccdd");
  EXPECT_TRUE(node(1).request_ended);
}

TEST_F(ForwardRequestTest, RetryOfAWholeBodyHasItsLength) {
  open_with<BodyDoubler>(2);
  exchange_.give("ab");
  request("PUT", Framing::kChunked);
  exchange_.give_end();
  more_content("c");
  node(0).break_off();
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(node(1).framing, Framing::kLength);
  EXPECT_EQ(node(1).body, "ababcc");
  EXPECT_EQ(node(1).writes, 1);
  EXPECT_TRUE(node(1).request_ended);
}

TEST_F(ForwardRequestTest, StaleConnectionIsReplacedWithTheSameContent) {
  open_with<BodyDoubler>();
  opener_.plans = {{.breaks_at_write = true, .is_stale = true}};
  const std::string body(limits::kReplayBytesMax, 'x');
  exchange_.give(body);
  request("POST", Framing::kChunked);
  ASSERT_EQ(attempts(), 2u);
  EXPECT_EQ(node(1).body, body + body);
}

TEST_F(ForwardRequestTest, BodyThatAFilterHoldsIsLetOutTurnByTurn) {
  open_with<BodyHolder>();
  request("POST", Framing::kLength, 3);
  more_content("ab");
  EXPECT_EQ(node().body, "");
  EXPECT_TRUE(stream_->forward().wants_request_content());
  exchange_.give_end();
  more_content("c");
  EXPECT_EQ(node().body, "a");
  EXPECT_FALSE(stream_->forward().wants_request_content());
  const int resumed = exchange_.resumed;
  turn(10);
  EXPECT_EQ(node().body, "abc!");
  EXPECT_TRUE(node().request_ended);
  EXPECT_GT(exchange_.resumed, resumed);
}

TEST_F(ForwardRequestTest, SlowNodeStopsTheFilters) {
  open_with<BodySlicer>();
  request("POST", Framing::kLength, 4);
  node().unsent = 5;
  more_content("abcd");
  EXPECT_EQ(node().body, "");
  EXPECT_FALSE(stream_->forward().wants_request_content());
  node().take_everything();
  stream_->on_request_content();  // as the session does
  node().unsent = 5;
  turn(10);
  EXPECT_EQ(node().body, "a");
  node().take_everything();
  stream_->on_request_content();
  turn(10);
  EXPECT_EQ(node().body, "abcd");
}

TEST_F(ForwardRequestTest, NoTimeoutOfTheNodeRunsWhileTheClientSends) {
  open_with<BodyHolder>(1, R"(,"timeout":{"connect":1,"send":2,"read":3})");
  request("POST", Framing::kLength, 100);
  more_content("abc");
  pass_ms(10'000);
  EXPECT_EQ(exchange_.status, 0);
  exchange_.give_end();
  more_content("");
  turn(10);
  EXPECT_TRUE(node().request_ended);
  pass_ms(3200);
  EXPECT_EQ(exchange_.status, 504);
}

TEST_F(ForwardRequestTest, BodyThatAFilterRefusesIs400) {
  open_with<BodyJudge>(2);
  exchange_.give("BAD");
  request("PUT", Framing::kChunked);
  EXPECT_EQ(exchange_.status, 400);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(node().writes, 0);
  EXPECT_TRUE(node().is_aborted);
}

TEST_F(ForwardRequestTest, BodyThatAFilterRefusesLaterBreaksTheAttempt) {
  open_with<BodyJudge>(2);
  exchange_.give("good");
  request("PUT", Framing::kChunked);
  EXPECT_EQ(node().body, "good");
  more_content("BAD");
  EXPECT_EQ(node().body, "good");
  EXPECT_FALSE(node().request_ended);
  EXPECT_TRUE(node().was_reset);
  EXPECT_EQ(attempts(), 1u);
  EXPECT_EQ(exchange_.status, 400);
  EXPECT_THAT(exchange_.endings, ::testing::ElementsAre(Ending::kWhole));
}

TEST_F(ForwardRequestTest, LimitIsThatOfWhatTheClientSends) {
  proxy_options_.client_max_body_bytes = 4;
  open_with<BodyDoubler>();
  request("POST", Framing::kChunked);
  more_content("abcd");
  EXPECT_EQ(node().body, "abcdabcd");
  more_content("e");
  EXPECT_EQ(exchange_.status, 413);
  EXPECT_TRUE(node().was_reset);
}

}  // namespace
}  // namespace apisix::proxy
