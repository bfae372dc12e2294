// The upstream side: one node, another node, bodies both ways, and what a client sees when a node fails.
#include "worker/proxy/forward.h"

#include "tests/unit/worker/proxy/proxy_fixture.h"

namespace apisix::proxy {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kGet = "GET /path?q=1 HTTP/1.1\r\nHost: a.test\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class ForwardTest : public ProxyTest {
 protected:
  void begin(std::string_view request, std::string_view more = "") {
    route_to({&acceptor_}, more);
    start();
    client_ = connect();
    client_->send(request);
    node_ = accepted_by(acceptor_);
  }
  void exchange(std::string_view request, std::string_view response) {
    begin(request);
    wait_for(*node_, "\r\n\r\n");
    node_->send(response);
  }
  Acceptor acceptor_;
  std::unique_ptr<Peer> client_;
  std::unique_ptr<Peer> node_;
};

TEST_F(ForwardTest, RequestReachesTheNodeWithItsTargetAndHost) {
  begin(kGet);
  const std::string got = wait_for(*node_, "\r\n\r\n");
  EXPECT_THAT(got, StartsWith("GET /path?q=1 HTTP/1.1\r\n"));
  EXPECT_THAT(got, HasSubstr("Host: a.test\r\n"));
  EXPECT_THAT(got, HasSubstr("X-Forwarded-For: 127.0.0.1\r\n"));
}

TEST_F(ForwardTest, ResponseWithLengthIsPassedOn) {
  exchange(kGet, "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-Own: 1\r\n\r\nok");
  const std::string got = wait_for(*client_, "\r\n\r\nok");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 200 Fine\r\n"));
  EXPECT_THAT(got, HasSubstr("X-Own: 1\r\n"));
  EXPECT_THAT(got, HasSubstr("Content-Length: 2\r\n"));
}

TEST_F(ForwardTest, ConnectionToTheNodeIsUsedAgain) {
  exchange(kGet, kOk);
  wait_for(*client_, "\r\n\r\nok");
  client_->send("GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n");
  wait_for(*node_, "GET /second ");
}

TEST_F(ForwardTest, ConnectionThatTheNodeClosesIsNotUsedAgain) {
  exchange(kGet, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  wait_for(*client_, "\r\n\r\nok");
  EXPECT_EQ(services_->pool.idle(), 0u);
}

TEST_F(ForwardTest, ConnectionWithBytesLeftOverIsNotUsedAgain) {  // RFC 9112 9.2
  exchange(kGet, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 stray");
  EXPECT_THAT(wait_for(*client_, "\r\n\r\nok"), EndsWith("ok"));
  EXPECT_EQ(services_->pool.idle(), 0u);
}

TEST_F(ForwardTest, ChunkedResponseStaysChunkedWithItsTrailers) {
  exchange(
      kGet,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
  const std::string got = wait_for(*client_, "X-Sum: 5\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(got, HasSubstr("\r\n\r\n5\r\nabcde\r\n0\r\n"));  // what came in one read is one chunk
}

TEST_F(ForwardTest, ChunkedResponseToAnOldClientEndsWithTheConnection) {
  exchange("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  wait_for_end(*client_);
  EXPECT_THAT(client_->received, EndsWith("\r\n\r\nabc"));
  EXPECT_THAT(client_->received, Not(HasSubstr("chunked")));
}

TEST_F(ForwardTest, ResponseUntilCloseBecomesChunked) {
  exchange(kGet, "HTTP/1.1 200 OK\r\n\r\nabc");
  wait_for(*client_, "3\r\nabc\r\n");
  node_->close();
  EXPECT_THAT(wait_for(*client_, "0\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(client_->ended());
}

TEST_F(ForwardTest, ResponseInManyPiecesArrivesWhole) {
  begin(kGet);
  wait_for(*node_, "\r\n\r\n");
  for (const char byte : kOk) {
    node_->send({&byte, 1});
    turn(1);
  }
  EXPECT_THAT(wait_for(*client_, "\r\n\r\nok"), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(ForwardTest, ResponseToHeadHasTheLengthOnly) {
  exchange("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n");
  EXPECT_THAT(wait_for(*client_, "\r\n\r\n"), HasSubstr("Content-Length: 77\r\n"));
  EXPECT_THAT(client_->received, EndsWith("\r\n\r\n"));
}

TEST_F(ForwardTest, ResponseWithoutContentHasNoLength) {  // RFC 9110 8.6
  exchange(kGet, "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(wait_for(*client_, "\r\n\r\n"), Not(HasSubstr("Content-Length")));
}

TEST_F(ForwardTest, EarlyHintsArePassedOnAnd100IsNot) {  // RFC 9110 15.2
  exchange(kGet,
           "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const std::string got = wait_for(*client_, "\r\n\r\nok");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n"));
  EXPECT_THAT(got, Not(HasSubstr("100 Continue")));
}

TEST_F(ForwardTest, TooManyInformationalResponsesAre502) {
  std::string hints;
  for (std::uint32_t i = 0; i <= limits::kInformationalResponsesMax; ++i)
    hints += "HTTP/1.1 100 Continue\r\n\r\n";
  exchange(kGet, hints);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
}

// --- the request's body

TEST_F(ForwardTest, BodyThatCameWithTheHeadLeavesWithIt) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(wait_for(*node_, "body"), HasSubstr("Content-Length: 4\r\n"));
}

TEST_F(ForwardTest, ChunkedBodyStaysChunkedWithItsTrailers) {
  begin(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\nX-T: "
      "1\r\n\r\n");
  EXPECT_THAT(wait_for(*node_, "X-T: 1\r\n\r\n"), HasSubstr("\r\n\r\n5\r\nabcde\r\n0\r\n"));
}

TEST_F(ForwardTest, BodyThatComesLaterFollows) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  wait_for(*node_, "abc");
  client_->send("def");
  wait_for(*node_, "abcdef");
  node_->send(kOk);
  wait_for(*client_, "\r\n\r\nok");
}

TEST_F(ForwardTest, MalformedChunkGets400) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  wait_for(*node_, "abc");
  client_->send("nonsense\r\n");
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 400 "));
  wait_for_end(*node_);
}

TEST_F(ForwardTest, BodyOverTheLimitGets413) {
  proxy_options_.client_max_body_bytes = 4;
  begin("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  wait_for(*node_, "abc");
  client_->send("3\r\ndef\r\n");
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ForwardTest, ClientThatWaitsGets100OnceTheNodeIsThere) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  wait_for(*client_, "HTTP/1.1 100 Continue\r\n\r\n");
  client_->send("ok");
  EXPECT_THAT(wait_for(*node_, "\r\n\r\nok"), Not(HasSubstr("Expect")));
}

TEST_F(ForwardTest, SlowBodyGets408) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  wait_for(*node_, "abc");
  pass_ms(proxy_options_.client_body_timeout_ms + 2000);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 408 "));
  wait_for_end(*node_);
}

TEST_F(ForwardTest, ResponseBeforeTheBodyIsReadEndsTheConnection) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
  wait_for(*node_, "abc");
  node_->send(kOk);
  wait_for(*client_, "\r\n\r\nok");
  EXPECT_EQ(services_->pool.idle(), 0u);  // the node still waits for the rest
}

// --- when it goes wrong

TEST_F(ForwardTest, NodeThatRefusesIs502) {
  route_to({&acceptor_});
  start();
  acceptor_.close();
  client_ = connect();
  client_->send(kGet);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ForwardTest, NextNodeServesWhenTheFirstRefuses) {
  Acceptor dead;
  route_to({&dead, &acceptor_});
  start();
  dead.close();
  client_ = connect();
  for (int i = 0; i < 2; ++i) {  // each node is first once
    client_->send(kGet);
    if (node_ == nullptr) node_ = accepted_by(acceptor_);
    EXPECT_TRUE(turn_until([&] { return node_->has("\r\n\r\n"); }));
    node_->received.clear();
    node_->send(kOk);
    wait_for(*client_, "\r\n\r\nok");
    client_->received.clear();
  }
}

TEST_F(ForwardTest, NodeThatClosesIsRetriedForAnIdempotentMethod) {  // RFC 9110 9.2.2
  Acceptor other;
  route_to({&acceptor_, &other});
  start();
  client_ = connect();
  client_->send(kGet);
  std::unique_ptr<Peer> second;
  EXPECT_TRUE(turn_until([&] {
    if (node_ == nullptr) node_ = acceptor_.accept();
    if (second == nullptr) second = other.accept();
    return node_ != nullptr || second != nullptr;
  }));
  Peer& first = node_ != nullptr ? *node_ : *second;
  wait_for(first, "\r\n\r\n");
  first.close();
  std::unique_ptr<Peer> next;
  Acceptor& next_node = node_ != nullptr ? other : acceptor_;
  EXPECT_TRUE(turn_until([&] { return (next = next_node.accept()) != nullptr; }));
  wait_for(*next, "GET /path?q=1 ");
  next->send(kOk);
  EXPECT_THAT(wait_for(*client_, "\r\n\r\nok"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ForwardTest, NodeThatClosesIsNotRetriedForPost) {
  begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
  wait_for(*node_, "ab");
  node_->close();
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
  EXPECT_EQ(acceptor_.accept(), nullptr);
}

TEST_F(ForwardTest, StaleConnectionIsReplacedOnce) {
  exchange(kGet, kOk);
  wait_for(*client_, "\r\n\r\nok");
  client_->received.clear();
  ASSERT_EQ(services_->pool.idle(), 1u);
  client_->send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for(*node_, "GET /again ");
  node_->reset();  // it was closing while the request was on its way
  const auto fresh = accepted_by(acceptor_);
  wait_for(*fresh, "GET /again ");
  fresh->send(kOk);
  EXPECT_THAT(wait_for(*client_, "\r\n\r\nok"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ForwardTest, SilentNodeIs504) {
  begin(kGet);
  wait_for(*node_, "\r\n\r\n");
  pass_ms(60'000 + 2000);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 504 "));
}

TEST_F(ForwardTest, RouteTimeoutCounts) {
  begin(kGet, R"(,"timeout":{"connect":1,"send":1,"read":3})");
  wait_for(*node_, "\r\n\r\n");
  pass_ms(1500);
  EXPECT_EQ(client_->received, "");
  pass_ms(3000);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 504 "));
}

TEST_F(ForwardTest, MalformedResponseIs502) {
  exchange(kGet, "HTTP/1.1 two hundred\r\n\r\n");
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ForwardTest, MalformedFirstChunkIs502) {
  exchange(kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Own: 1\r\n\r\nzz\r\n");
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(client_->received, Not(HasSubstr("X-Own")));
}

TEST_F(ForwardTest, BodyThatBreaksOffEndsTheConnection) {
  exchange(kGet, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  wait_for(*client_, "abc");
  node_->close();
  wait_for_end(*client_);
  EXPECT_THAT(client_->received, EndsWith("abc"));
}

TEST_F(ForwardTest, BodyUntilCloseThatBreaksOffIsReset) {  // an end would look like the body's
  exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  wait_for(*client_, "abc");
  node_->close();
  wait_for_end(*client_);
  EXPECT_TRUE(client_->was_reset);
}

TEST_F(ForwardTest, ClientThatLeavesEndsTheNodesConnection) {
  begin(kGet);
  wait_for(*node_, "\r\n\r\n");
  client_->close();
  wait_for_end(*node_);
  EXPECT_TRUE(node_->was_reset);
}

TEST_F(ForwardTest, SlowClientStopsTheNode) {
  begin(kGet);
  wait_for(*node_, "\r\n\r\n");
  node_->send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
  const std::string piece(16384, 'x');
  // The node can send no more than sockets and the bound of the output hold.
  std::size_t sent = 0;
  for (int refused = 0; refused < 50; loop_.run_once(0)) {
    const std::size_t taken = node_->try_send(piece);
    refused = taken > 0 ? 0 : refused + 1;
    sent += taken;
    ASSERT_LT(sent, 100'000'000u);
  }
  const std::size_t head_bytes = wait_for(*client_, "\r\n\r\n").find("\r\n\r\n") + 4;
  EXPECT_TRUE(turn_until([&] {
    client_->pump();
    return client_->received.size() == head_bytes + sent;
  }));
}

// --- an upgrade

constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kWebsocket = R"(,"enable_websocket":true)";

TEST_F(ForwardTest, UpgradePassesBytesBothWays) {
  begin(kUpgrade, kWebsocket);
  EXPECT_THAT(wait_for(*node_, "\r\n\r\n"), HasSubstr("Upgrade: websocket\r\n"));
  node_->send(std::string(kSwitching) + "\x81\x02hi");
  EXPECT_THAT(wait_for(*client_, "hi"), StartsWith("HTTP/1.1 101 "));
  client_->send("\x81\x02yo");
  EXPECT_TRUE(turn_until([&] { return node_->has("yo"); }));
}

TEST_F(ForwardTest, UpgradeEndsWhenBothSidesHaveEnded) {
  begin(kUpgrade, kWebsocket);
  wait_for(*node_, "\r\n\r\n");
  node_->send(kSwitching);
  wait_for(*client_, "\r\n\r\n");
  client_->shutdown_write();
  wait_for_end(*node_);
  node_->send("last words");
  wait_for(*client_, "last words");
  node_->close();
  wait_for_end(*client_);
  EXPECT_TRUE(turn_until([&] { return services_->connections.size() == 0; }));
}

TEST_F(ForwardTest, UpgradeIsNotPassedOnWithoutEnableWebsocket) {
  begin(kUpgrade);
  EXPECT_THAT(wait_for(*node_, "\r\n\r\n"), Not(HasSubstr("pgrade")));
  node_->send(kSwitching);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 502 "));
}

TEST_F(ForwardTest, TunnelGetsAGoodbyeWhenTheWorkerLeaves) {
  begin(kUpgrade, kWebsocket);
  wait_for(*node_, "\r\n\r\n");
  node_->send(kSwitching);
  wait_for(*client_, "\r\n\r\n");
  services_->connections.shut_down();
  wait_for(*client_, kGoingAwayToClient);
  EXPECT_TRUE(turn_until([&] { return node_->has(kGoingAwayToServer); }));
}

}  // namespace
}  // namespace apisix::proxy
