// Requests of a local service: the body, its bounds, and a service that takes its time.
#include "worker/proxy/local_handler.h"

#include "tests/unit/worker/proxy/proxy_fixture.h"

namespace apisix::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LocalHandlerTest : public ProxyTest {
 protected:
  LocalHandlerTest() { start(); }
  std::string allowed_for(std::string_view request, std::string_view until) {
    client_ = connect_local();
    client_->send(request);
    return wait_for(*client_, until);
  }
  std::unique_ptr<Peer> client_;
};

TEST_F(LocalHandlerTest, BodyWithLengthIsCollected) {
  EXPECT_THAT(allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "PUT /x hello"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(LocalHandlerTest, ChunkedBodyIsDecoded) {
  EXPECT_THAT(allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n",
                          "PUT /x abcde"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(LocalHandlerTest, BodyInPiecesIsCollected) {
  client_ = connect_local();
  client_->send("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
  for (const char byte : std::string_view("abcdef")) {
    turn(1);
    client_->send({&byte, 1});
  }
  wait_for(*client_, "PUT /x abcdef");
}

TEST_F(LocalHandlerTest, MalformedChunkGets400) {
  EXPECT_THAT(
      allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "</html>"),
      StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(echo_.served, 0);
}

TEST_F(LocalHandlerTest, BodyOfExactlyTheLimitIsServed) {
  const std::string body(1000, 'b');
  allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + body, "PUT /x " + body);
}

TEST_F(LocalHandlerTest, LongerBodyGets413ByItsLength) {
  EXPECT_THAT(allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "too large"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(echo_.served, 0);
}

TEST_F(LocalHandlerTest, LongerChunkedBodyGets413) {
  EXPECT_THAT(allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                              std::string(1001, 'b') + "\r\n",
                          "too large"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(LocalHandlerTest, BodyThatIsNotWantedIsNotAwaited) {
  EXPECT_THAT(
      allowed_for("POST /no-body HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n", "POST /no-body "),
      HasSubstr("Connection: close\r\n"));
}

TEST_F(LocalHandlerTest, SlowBodyGets408) {
  client_ = connect_local();
  client_->send("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
  turn();
  pass_ms(proxy_options_.client_body_timeout_ms + 2000);
  EXPECT_THAT(wait_for(*client_, "</html>"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(echo_.served, 0);
}

TEST_F(LocalHandlerTest, MethodThatIsNotServedGets405) {
  EXPECT_THAT(allowed_for("TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n", "</html>"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(LocalHandlerTest, ClientThatLeavesWhileTheServiceWaitsIsForgotten) {
  client_ = connect_local();
  client_->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(turn_until([&] { return echo_.served == 1; }));
  client_->reset();
  EXPECT_TRUE(turn_until([&] { return services_->connections.size() == 0; }));
  echo_.go_on.notify();  // the task that waited was destroyed: nothing is resumed
  turn();
  EXPECT_EQ(services_->bodies.held(), 0u);
}

TEST_F(LocalHandlerTest, HeldBodiesAreGivenBack) {
  allowed_for("PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "PUT /x hello");
  turn();
  EXPECT_EQ(services_->bodies.held(), 0u);
}

TEST_F(LocalHandlerTest, HeadGetsTheLengthAndNoBody) {
  const std::string got = allowed_for("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_EQ(got.find("\r\n\r\n") + 4, got.size());
}

}  // namespace
}  // namespace apisix::proxy
