// HTTP/1.1 on a client's connection: heads, pipelining, 100 Continue, keep-alive and the end (RFC 9112).
#include "worker/proxy/h1_session.h"

#include <algorithm>

#include "tests/unit/worker/proxy/proxy_fixture.h"

namespace apisix::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class H1SessionTest : public ProxyTest {
 protected:
  H1SessionTest() { start(); }
  static int count(std::string_view text, std::string_view what) {
    int found = 0;
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
    return found;
  }
};

constexpr std::string_view kNotFound = "404 Route Not Found\"}\n";

TEST_F(H1SessionTest, HeadInOnePieceIsAnswered) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wait_for(*client, kNotFound), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_FALSE(client->ended());
}

TEST_F(H1SessionTest, HeadByteByByteIsAnswered) {
  const auto client = connect();
  for (const char byte : std::string_view("GET /some/path HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n")) {
    client->send({&byte, 1});
    turn(1);
  }
  wait_for(*client, kNotFound);
}

TEST_F(H1SessionTest, EmptyLinesInFrontOfAHeadAreSkipped) {  // RFC 9112 2.2
  const auto client = connect();
  client->send("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wait_for(*client, kNotFound), StartsWith("HTTP/1.1 404"));
}

TEST_F(H1SessionTest, MalformedHeadGets400AndTheConnectionEnds) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  EXPECT_THAT(wait_for(*client, "</html>"), HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  wait_for_end(*client);
}

TEST_F(H1SessionTest, RequestLineOverTheLimitGets414) {
  const auto client = connect();
  client->send("GET /" + std::string(limits::kRequestLineBytesMax + 10, 'a'));
  EXPECT_THAT(wait_for(*client, "</html>"), StartsWith("HTTP/1.1 414 "));
}

TEST_F(H1SessionTest, HeadOverTheLimitGets431) {
  const auto client = connect();
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  while (head.size() <= limits::kRequestHeadBytesMax) head += "X: " + std::string(1000, 'x') + "\r\n";
  client->send(head);
  EXPECT_THAT(wait_for(*client, "</html>"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(H1SessionTest, KeptConnectionServesTheNextRequest) {
  const auto client = connect();
  for (int i = 1; i <= 3; ++i) {
    client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(
        turn_until([&] { return client->has(kNotFound) && count(client->received, kNotFound) == i; }));
  }
}

TEST_F(H1SessionTest, PipelinedRequestsAreAnsweredInOrder) {  // RFC 9112 9.3.2
  const auto client = connect_local();
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += fmt::format("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", i);
  client->send(requests);
  const std::string got = wait_for(*client, "GET /19 ");
  std::size_t before = 0;
  for (int i = 0; i < 20; ++i) {
    const std::size_t at = got.find(fmt::format("GET /{} ", i));
    ASSERT_NE(at, std::string::npos) << i;
    EXPECT_GT(at, before);
    before = at;
  }
  EXPECT_EQ(tallies_.requests.get(), 20u);
}

TEST_F(H1SessionTest, RequestBehindABodyIsReadAsOne) {
  const auto client = connect_local();
  client->send(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(wait_for(*client, "GET /2 "), HasSubstr("POST /1 abc"));
}

TEST_F(H1SessionTest, ConnectionCloseEndsTheConnection) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  wait_for_end(*client);
  EXPECT_THAT(client->received, HasSubstr("Connection: close\r\n"));
  EXPECT_FALSE(client->was_reset);
}

TEST_F(H1SessionTest, OldClientEndsItsConnection) {
  const auto client = connect();
  client->send("GET / HTTP/1.0\r\n\r\n");
  wait_for_end(*client);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 404"));
}

TEST_F(H1SessionTest, OldClientThatAsksKeepsItsConnection) {
  const auto client = connect();
  client->send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(wait_for(*client, kNotFound), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_FALSE(client->ended());
}

TEST_F(H1SessionTest, IdleConnectionEndsAfterKeepaliveTimeout) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for(*client, kNotFound);
  pass_ms(proxy_options_.keepalive_timeout_ms - 2000);
  EXPECT_FALSE(client->ended());
  pass_ms(4000);
  wait_for_end(*client);
}

TEST_F(H1SessionTest, SilentNewConnectionEndsAfterHeaderTimeout) {
  const auto client = connect();
  pass_ms(proxy_options_.client_header_timeout_ms + 2000);
  wait_for_end(*client);
  EXPECT_EQ(client->received, "");
}

TEST_F(H1SessionTest, HalfAHeadEndsAfterHeaderTimeout) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost:");
  turn();
  EXPECT_EQ(tallies_.reading.get(), 1u);
  pass_ms(proxy_options_.client_header_timeout_ms + 2000);
  wait_for_end(*client);
  EXPECT_EQ(tallies_.reading.get(), 0u);
}

TEST_F(H1SessionTest, HalfAHeadBehindBufferedOutputEndsAfterHeaderTimeout) {
  const auto client = connect_local();
  client->send("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP");
  wait_for(*client, "GET /big");
  turn();
  EXPECT_FALSE(client->ended());
  pass_ms(proxy_options_.client_header_timeout_ms + 2000);
  wait_for_end(*client);
}

TEST_F(H1SessionTest, ClientThatWaitsGets100Continue) {  // RFC 9110 10.1.1
  const auto client = connect_local();
  client->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(wait_for(*client, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client->send("ok");
  wait_for(*client, "POST / ok");
  EXPECT_EQ(count(client->received, "100 Continue"), 1);
}

TEST_F(H1SessionTest, ClientThatDidNotWaitGetsNo100) {
  const auto client = connect_local();
  client->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok");
  EXPECT_THAT(wait_for(*client, "POST / ok"), Not(HasSubstr("100 Continue")));
}

TEST_F(H1SessionTest, RefusedBodyIsReadAwayBehindTheResponse) {
  const auto client = connect_local();
  client->send("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
  EXPECT_THAT(wait_for(*client, "too large"), StartsWith("HTTP/1.1 413 "));
  client->send(std::string(50'000, 'x'));
  turn();
  client->pump();
  EXPECT_FALSE(client->was_reset);  // the response is not lost (RFC 9112 9.6)
  pass_ms(limits::kLingerMs + 2000);
  EXPECT_EQ(tallies_.active.get(), 0u);
}

TEST_F(H1SessionTest, ClientThatEndsWhileItIdlesIsForgotten) {
  const auto client = connect();
  client->close();
  EXPECT_TRUE(turn_until([&] { return services_->connections.size() == 0; }));
}

TEST_F(H1SessionTest, ClientThatEndsBehindItsRequestsIsServedFirst) {
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  client->shutdown_write();
  wait_for_end(*client);
  EXPECT_EQ(count(client->received, kNotFound), 2);
}

TEST_F(H1SessionTest, IdleConnectionEndsSoonInADrain) {
  const auto client = connect();
  turn();
  services_->draining = true;
  services_->connections.drain();
  EXPECT_FALSE(client->ended());
  pass_ms(limits::kDrainIdleMs + 1000);
  wait_for_end(*client);
}

TEST_F(H1SessionTest, ResponseInADrainSaysThatItIsTheLast) {
  const auto client = connect_local();
  client->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return echo_.served == 1; }));
  services_->draining = true;
  services_->connections.drain();
  echo_.go_on.notify();
  EXPECT_THAT(wait_for(*client, "GET /wait"), HasSubstr("Connection: close\r\n"));
  wait_for_end(*client);
}

TEST_F(H1SessionTest, RequestInFlightGets503WhenTheWorkerLeaves) {
  const auto client = connect_local();
  client->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return echo_.served == 1; }));
  services_->connections.shut_down();
  EXPECT_THAT(wait_for(*client, "</html>"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(H1SessionTest, WritingAndReadingAreCounted) {
  const auto client = connect_local();
  client->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return echo_.served == 1; }));
  EXPECT_EQ(tallies_.writing.get(), 1u);
  echo_.go_on.notify();
  wait_for(*client, "GET /wait");
  turn();
  EXPECT_EQ(tallies_.writing.get(), 0u);
}

TEST_F(H1SessionTest, OldestIdleConnectionMakesRoom) {
  const auto first = connect();
  const auto second = connect();
  turn();
  EXPECT_TRUE(services_->connections.make_room(ClientKind::kProxy));
  wait_for_end(*first);
  EXPECT_FALSE(second->ended());
}

TEST_F(H1SessionTest, MoreIdleConnectionsThanOneTurnEndsAreEndedByTheNextOne) {
  std::vector<std::unique_ptr<Peer>> clients;
  for (std::uint32_t i = 0; i <= event::TimerWheel::kCallbacksPerTurn; ++i) clients.push_back(connect());
  turn();
  services_->connections.drain();
  loop_.skip_ms(limits::kDrainIdleMs + 1000);
  loop_.run_once(1);
  EXPECT_GT(services_->connections.size(), 0u);
  turn();
  EXPECT_EQ(services_->connections.size(), 0u);
}

TEST_F(H1SessionTest, KeepaliveTimeoutOfZeroKeepsNoConnection) {
  proxy_options_.keepalive_timeout_ms = 0;
  const auto client = connect();
  client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  wait_for_end(*client);
  EXPECT_THAT(client->received, HasSubstr("Connection: close\r\n"));
}

// --- the end of a response that the socket does not take when the turn's batch is sent

class PendingOutputTest : public ProxyTest {
 protected:
  static constexpr std::size_t kBodyBytes = 3600;  // with its head it leaves with a batch

  void SetUp() override {
    if (loop_.batch().open(1) != 0) GTEST_SKIP() << "no io_uring";
    route_to({&node_});
    start();
    client_ = connect();
    leave_output_pending();
  }
  bool is_pending() const {
    return tallies_.writing.get() == 0 && services_->connections.waiting(ClientKind::kProxy) == 0;
  }
  // Requests, until one is over and the client has not taken all of its response.
  void leave_output_pending() {
    const std::string response = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", kBodyBytes,
                                             std::string(kBodyBytes, '#'));
    std::unique_ptr<Peer> node;
    while (!is_pending()) {
      ASSERT_LT(++sent_, 5000u);
      client_->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      if (node == nullptr || node->ended()) node = accepted_by(node_);  // it serves 1,000 requests
      ASSERT_TRUE(turn_until([&] { return node->has("\r\n\r\n"); }));
      node->received.clear();
      node->send(response);
      ASSERT_TRUE(turn_until([&] { return tallies_.writing.get() == 0; }));
    }
  }
  void expect_all() {
    EXPECT_TRUE(turn_until([this] { return bytes_got() == sent_ * kBodyBytes || client_->is_closed; }));
    EXPECT_EQ(bytes_got(), sent_ * kBodyBytes);
  }
  std::size_t bytes_got() {
    client_->pump();
    return static_cast<std::size_t>(std::ranges::count(client_->received, '#'));
  }

  Acceptor node_;
  std::unique_ptr<Peer> client_;
  std::size_t sent_ = 0;
};

TEST_F(PendingOutputTest, IsNoRoomForOthers) {
  EXPECT_FALSE(services_->connections.make_room(ClientKind::kProxy));
  expect_all();
  EXPECT_TRUE(turn_until([this] { return services_->connections.waiting(ClientKind::kProxy) == 1; }));
  EXPECT_TRUE(services_->connections.make_room(ClientKind::kProxy));
}

TEST_F(PendingOutputTest, IsTakenWhileTheWorkerDrains) {
  services_->draining = true;
  services_->connections.drain();
  pass_ms(limits::kDrainIdleMs + 1000);
  expect_all();
  EXPECT_FALSE(client_->ended());
  pass_ms(limits::kDrainIdleMs + 1000);
  pass_ms(limits::kDrainLingerMs + 1000);
  wait_for_end(*client_);
}

TEST_F(PendingOutputTest, IsTakenBeforeTheConnectionLingers) {
  services_->connections.shut_down();
  pass_ms(limits::kLingerMs + 1000);
  expect_all();
  wait_for_end(*client_);
}

TEST_F(PendingOutputTest, HasSendTimeout) {
  pass_ms(proxy_options_.send_timeout_ms + 1000);
  EXPECT_EQ(services_->connections.size(), 0u);
}

TEST_F(PendingOutputTest, IsTheNextRequestsToWaitFor) {
  client_->send("GET /only-this HTTP/1.1\r\nHost: a\r\n\r\n");
  pass_ms(1000);
  EXPECT_EQ(services_->connections.size(), 1u) << "it has send_timeout";
  expect_all();
}

}  // namespace
}  // namespace apisix::proxy
