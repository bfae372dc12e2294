// gRPC calls through Forward: HTTP/2 to the node, the call's own deadline, and what a gRPC client gets when
// it fails.
#include <string>

#include "tests/unit/worker/proxy/forward_exchange_fixture.h"

namespace apisix::proxy {
namespace {

using ::testing::ElementsAre;
using Ending = ClientExchange::Ending;
using Kind = FakeExchange::Kind;
using Processed = upstream::Exchange::Processed;

class ForwardGrpcTest : public ForwardExchangeTest {
 protected:
  void open_grpc(std::string_view more = "") {
    put("routes/1",
        fmt::format(
            R"({{"id":"1","uri":"/*","upstream":{{"type":"roundrobin","scheme":"grpc","nodes":)"
            R"([{{"host":"192.0.2.1","port":80,"weight":1}},{{"host":"192.0.2.2","port":80,"weight":1}}])"
            R"({}}}}})",
            more));
    start();
    services_->opener = &opener_;
    stream_ = std::make_unique<Stream>(*services_, *proxy_listener_, client_, exchange_);
  }
  // A client that speaks HTTP/2.
  void call(std::string_view timeout = "", bool is_whole = true) {
    http::RequestHead& head = make_request_head(stream_->arena(), "POST", http::Framing::kChunked, 0);
    head.protocol = http::Protocol::k2;
    head.headers.add(stream_->arena(), http::KnownHeader::kContentType, type_);
    if (!timeout.empty()) head.headers.add(stream_->arena(), "grpc-timeout", timeout);
    if (is_whole) exchange_.end_with_head();
    stream_->on_request(head, 200);
  }

  std::string_view type_ = "application/grpc";
};

TEST_F(ForwardGrpcTest, NodeIsAskedInHttp2) {
  open_grpc();
  call();
  EXPECT_EQ(node().protocol, http::Protocol::k2);
  EXPECT_TRUE(node().is_grpc);
}

TEST_F(ForwardGrpcTest, HttpUpstreamIsAskedInHttp1) {
  open();
  call();
  EXPECT_EQ(node().protocol, http::Protocol::k11);
  EXPECT_FALSE(node().is_grpc);
}

TEST_F(ForwardGrpcTest, TrailersOfTheNodeReachTheClient) {
  open_grpc();
  call();
  http::HeaderMap trailers;
  trailers.add(stream_->arena(), "grpc-status", "0");
  node().begin(node().head(200, http::Framing::kUntilClose));
  node().content("message", true, false, &trailers);
  EXPECT_EQ(exchange_.body, "message");
  EXPECT_EQ(exchange_.trailer("grpc-status"), "0");
  EXPECT_FALSE(exchange_.has_content_length);
}

TEST_F(ForwardGrpcTest, DeadlineEndsTheCallWithItsCode) {
  open_grpc();
  call("200m");
  pass_ms(150);
  EXPECT_EQ(exchange_.status, 0);
  pass_ms(100);
  EXPECT_TRUE(node().is_aborted);
  EXPECT_EQ(attempts(), 1u);  // no other node gets it
  EXPECT_EQ(exchange_.status, 504);
  EXPECT_EQ(exchange_.field("grpc-status"), "4");
  EXPECT_EQ(exchange_.field("grpc-message"), "deadline exceeded");
}

TEST_F(ForwardGrpcTest, DeadlineRunsWhileTheClientSends) {
  open_grpc();
  call("200m", /*is_whole=*/false);
  pass_ms(150);
  more_content("piece");
  pass_ms(100);
  EXPECT_TRUE(node().is_aborted);
  EXPECT_EQ(exchange_.field("grpc-status"), "4");
}

TEST_F(ForwardGrpcTest, DeadlineBreaksAResponseThatHasBegun) {
  open_grpc();
  call("200m");
  node().begin(node().head(200, http::Framing::kUntilClose));
  node().content("message");
  pass_ms(250);
  EXPECT_TRUE(node().is_aborted);
  EXPECT_THAT(exchange_.endings, ElementsAre(Ending::kBroken));
}

TEST_F(ForwardGrpcTest, TimeoutsOfTheUpstreamHoldBesideALongDeadline) {
  open_grpc(R"(,"timeout":{"connect":1,"send":1,"read":1})");
  call("1H");
  pass_ms(1'100);
  EXPECT_EQ(exchange_.status, 504);
  EXPECT_EQ(exchange_.field("grpc-status"), "14");
}

TEST_F(ForwardGrpcTest, MalformedDeadlineIsNone) {
  open_grpc();
  call("soon");
  pass_ms(5'000);
  EXPECT_EQ(exchange_.status, 0);
}

TEST_F(ForwardGrpcTest, FailureIsAStatusWithoutAPage) {
  open_grpc();
  call();
  node().break_off();
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_EQ(exchange_.body, "");
  EXPECT_EQ(exchange_.field("Content-Type"), "application/grpc");
  EXPECT_EQ(exchange_.field("grpc-status"), "14");
  EXPECT_EQ(exchange_.field("grpc-message"), "Bad Gateway");
}

TEST_F(ForwardGrpcTest, OtherClientsOfAGrpcUpstreamGetThePage) {
  open_grpc();
  type_ = "application/json";
  call();
  node().break_off();
  EXPECT_EQ(exchange_.status, 502);
  EXPECT_THAT(exchange_.body, ::testing::HasSubstr("502 Bad Gateway"));
  EXPECT_EQ(exchange_.field("grpc-status"), "");
}

TEST_F(ForwardGrpcTest, CallThatNoNodeTookIsRetried) {
  open_grpc();
  call();
  node().fail({.kind = Kind::kReceive, .processed = Processed::kNo});  // REFUSED_STREAM
  ASSERT_EQ(attempts(), 2u);
  node(1).respond("ok");
  EXPECT_EQ(exchange_.status, 200);
}

TEST_F(ForwardGrpcTest, CallThatANodeMayHaveActedOnIsNotRetried) {
  open_grpc();
  call();
  node().fail({.kind = Kind::kReceive, .processed = Processed::kMaybe});
  EXPECT_EQ(attempts(), 1u);
}

}  // namespace
}  // namespace apisix::proxy
