// A Stream between a client without a protocol and a node of HTTP/1: what it reads, writes and decides.
#include "worker/proxy/stream.h"

#include "shared/http/request_line.h"
#include "tests/unit/worker/proxy/fake_client_exchange.h"
#include "tests/unit/worker/proxy/proxy_fixture.h"

namespace apisix::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Ending = ClientExchange::Ending;

class StreamTest : public ProxyTest {
 protected:
  void open(const Listener& listener) {
    client_.peer_ip = base::IpAddress::parse("192.0.2.7").value();
    client_.local_port = 9080;
    stream_ = std::make_unique<Stream>(*services_, listener, client_, exchange_);
  }
  // A request without a body, unless `framing` says something else.
  http::RequestHead& head(std::string_view method = "GET", http::Framing framing = http::Framing::kNone,
                          std::uint64_t length = 0) {
    if (framing == http::Framing::kNone) exchange_.give_end();
    return make_request_head(stream_->arena(), method, framing, length);
  }
  void request(http::RequestHead& head) {
    if (head.framing == http::Framing::kNone) exchange_.end_with_head();
    stream_->on_request(head, 200);
  }
  void begin(std::string_view method = "GET", http::Framing framing = http::Framing::kNone,
             std::uint64_t length = 0, std::string_view more = "") {
    route_to({&acceptor_}, more);
    start();
    open(*proxy_listener_);
    request(head(method, framing, length));
    node_ = accepted_by(acceptor_);
  }

  Acceptor acceptor_;
  std::unique_ptr<Peer> node_;
  plugin::ClientInfo client_;
  FakeClientExchange exchange_;
  std::unique_ptr<Stream> stream_;
};

TEST_F(StreamTest, RequestWithoutARouteGets404WithItsLength) {
  start();
  open(*proxy_listener_);
  request(head());
  EXPECT_EQ(exchange_.status, 404);
  EXPECT_EQ(exchange_.body, "{\"error_msg\":\"404 Route Not Found\"}\n");
  EXPECT_TRUE(exchange_.has_content_length);
  EXPECT_EQ(exchange_.content_length, exchange_.body.size());
  EXPECT_EQ(exchange_.writes, 1);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
  EXPECT_FALSE(exchange_.closes);
}

TEST_F(StreamTest, ResponseToHeadIsWithoutContent) {
  start();
  open(*proxy_listener_);
  request(head("HEAD"));
  EXPECT_FALSE(exchange_.has_body);
  EXPECT_EQ(exchange_.body, "");
  EXPECT_TRUE(exchange_.has_content_length);
}

TEST_F(StreamTest, BadRequestGets400AndItsRestIsDiscarded) {
  start();
  open(*proxy_listener_);
  stream_->on_bad_request(head(), 10, 400, "malformed");
  EXPECT_EQ(exchange_.status, 400);
  EXPECT_TRUE(exchange_.discards);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamTest, QueryOfALocalRequestIsHiddenWithAndWithoutALineOnTheWire) {
  start();
  for (const std::string_view line : {"GET /path?api_key=secret HTTP/1.1", ""}) {
    open(*local_listener_);
    http::RequestHead& local = head();
    local.target = "/path?api_key=secret";
    local.request_line = line;
    request(local);
    EXPECT_EQ(http::request_line(local, stream_->arena()), "GET /path");
    stream_->on_client_reset();
  }
}

TEST_F(StreamTest, QueryOfALocalRequestThatIsRefusedIsHidden) {
  start();
  open(*local_listener_);
  http::RequestHead& local = head();
  local.target = "/path?api_key=secret";
  local.request_line = {};
  stream_->on_bad_request(local, 10, 400, "malformed");
  EXPECT_EQ(http::request_line(local, stream_->arena()), "GET /path");
}

TEST_F(StreamTest, DeclaredBodyOverTheLimitGets413AndTheConnectionEnds) {
  proxy_options_.client_max_body_bytes = 10;
  start();
  open(*proxy_listener_);
  request(head("POST", http::Framing::kLength, 11));
  EXPECT_EQ(exchange_.status, 413);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(StreamTest, StreamEndsWhenTheClientTookEverything) {
  start();
  open(*proxy_listener_);
  exchange_.unsent = 5;
  request(head());
  EXPECT_TRUE(exchange_.ended);
  EXPECT_TRUE(exchange_.endings.empty());
  exchange_.unsent = 0;
  stream_->on_writable();
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamTest, ClientThatTakesNothingIsEndedByItsTimeout) {
  start();
  open(*proxy_listener_);
  exchange_.unsent = 5;
  request(head());
  stream_->on_client_timeout();
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

TEST_F(StreamTest, BrokenWriteEndsTheStream) {
  start();
  open(*proxy_listener_);
  exchange_.is_connected = false;
  request(head());
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kClientGone));
}

TEST_F(StreamTest, ContentThatIsAtHandLeavesWithTheHead) {
  exchange_.give("first");
  begin("POST", http::Framing::kChunked);
  EXPECT_THAT(wait_for(*node_, "first"), HasSubstr("\r\n\r\n5\r\nfirst\r\n"));
}

TEST_F(StreamTest, ContentAndTrailersFollowAsTheyCome) {
  begin("POST", http::Framing::kChunked);
  wait_for(*node_, "\r\n\r\n");
  exchange_.give("one");
  stream_->on_request_content();
  wait_for(*node_, "3\r\none\r\n");
  exchange_.trailers.add(stream_->arena(), "X-Sum", "3");
  exchange_.give("two");
  exchange_.give_end();
  stream_->on_request_content();
  wait_for(*node_, "3\r\ntwo\r\n0\r\nX-Sum: 3\r\n\r\n");
}

TEST_F(StreamTest, MalformedContentGets400) {
  begin("POST", http::Framing::kChunked);
  wait_for(*node_, "\r\n\r\n");
  exchange_.is_bad = true;
  stream_->on_request_content();
  EXPECT_EQ(exchange_.status, 400);
  EXPECT_TRUE(exchange_.discards);
  wait_for_end(*node_);
}

TEST_F(StreamTest, ResponseOfANodeComesWithoutItsFraming) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  node_->send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-Own: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return exchange_.ended; }));
  EXPECT_EQ(exchange_.status, 201);
  EXPECT_EQ(exchange_.body, "ok");
  EXPECT_FALSE(exchange_.has_content_length);
  EXPECT_EQ(exchange_.field("X-Own"), "1");
  EXPECT_EQ(exchange_.field("Transfer-Encoding"), "");
  EXPECT_EQ(exchange_.writes, 1);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kWhole));
}

TEST_F(StreamTest, InformationalResponsesArePassedOn) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  node_->send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return exchange_.ended; }));
  EXPECT_THAT(exchange_.informational, ElementsAre(103));
  EXPECT_FALSE(exchange_.has_body);
}

TEST_F(StreamTest, ClientThatLeavesResetsTheNode) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  stream_->on_client_reset();
  EXPECT_EQ(stream_->request().response.status, 499);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kClientGone));
  wait_for_end(*node_);
}

TEST_F(StreamTest, ResponseThatBreaksOffIsSeenAsBroken) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  node_->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(turn_until([&] { return exchange_.body == "abc"; }));
  node_->close();
  EXPECT_TRUE(turn_until([&] { return !exchange_.endings.empty(); }));
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

TEST_F(StreamTest, RequestInFlightGets503WhenTheWorkerStops) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  stream_->shut_down();
  EXPECT_EQ(exchange_.status, 503);
  EXPECT_TRUE(exchange_.closes);
}

TEST_F(StreamTest, BytesSentAreTheHeadsAndTheBodys) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  node_->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_TRUE(turn_until([&] { return exchange_.ended; }));
  EXPECT_EQ(stream_->request().response.bytes_sent, FakeClientExchange::kHeadBytes + 2);
  EXPECT_TRUE(stream_->request().response.complete);
}

TEST_F(StreamTest, BodyIsAwaitedUntilItsDeadline) {
  begin("POST", http::Framing::kLength, 10);
  wait_for(*node_, "\r\n\r\n");
  const std::uint64_t now_ms = loop_.clock().monotonic_ms();
  EXPECT_EQ(stream_->body_deadline_ms(), now_ms + proxy_options_.client_body_timeout_ms);
  stream_->on_client_timeout();
  EXPECT_EQ(exchange_.status, 408);
}

TEST_F(StreamTest, NothingIsAwaitedOfARequestWithoutABody) {
  begin();
  wait_for(*node_, "\r\n\r\n");
  EXPECT_EQ(stream_->body_deadline_ms(), ClientDeadlines::kNone);
}

TEST_F(StreamTest, LocalServiceIsAnsweredByTheSameStream) {
  start();
  open(*local_listener_);
  exchange_.give("content");
  exchange_.give_end();
  stream_->on_request(head("POST", http::Framing::kLength, 7), 200);
  EXPECT_TRUE(turn_until([&] { return exchange_.ended; }));
  EXPECT_EQ(exchange_.status, 200);
  EXPECT_EQ(exchange_.body, "POST /path content");
}

TEST_F(StreamTest, KeyInTheQueryOfALocalServiceIsHidden) {
  start();
  open(*local_listener_);
  http::RequestHead& request = head();
  request.request_line = "GET /path?api_key=secret HTTP/1.1";
  this->request(request);
  EXPECT_EQ(request.request_line, "GET /path");
}

}  // namespace
}  // namespace apisix::proxy
