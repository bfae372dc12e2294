// Exchanges in HTTP/2 with a node that is the engine in its other role: heads and content both ways, flow
// control by hand, how they fail and what the node may have done, and how they share connections.
#include "worker/upstream/h2_exchange.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/worker/upstream/h2_fixture.h"
#include "worker/limits.h"

namespace apisix::upstream {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = Exchange::FailureKind;
using Processed = Exchange::Processed;
using h2::ErrorCode;

const std::vector<h2::Field> kOkHead = {{":status", "200"}, {"content-type", "application/grpc"}};

// --- the request

TEST_F(H2Test, HeadHasPseudoHeadersAndNoFieldsOfAHop) {
  headers_.add(arena_, "Host", "other.test");
  headers_.add(arena_, "Connection", "close");
  headers_.add(arena_, "TE", "gzip");
  headers_.add(arena_, "X-Own", "1");
  const NodeStream& request = begin(*owner_);
  EXPECT_THAT(request.fields, ElementsAre(Pair(":method", "POST"), Pair(":scheme", "http"),
                                          Pair(":path", "/pkg.Service/Call"), Pair(":authority", "a.test"),
                                          Pair("x-own", "1")));
  EXPECT_TRUE(request.ended);
}

TEST_F(H2Test, GrpcHeadSaysTrailersAndItsContentType) {
  is_grpc_ = true;
  headers_.add(arena_, "Content-Type", "application/json");
  const NodeStream& request = begin(*owner_);
  EXPECT_EQ(request.head.at("content-type"), "application/grpc");
  EXPECT_EQ(request.head.at("te"), "trailers");
}

TEST_F(H2Test, GrpcHeadKeepsTheCodecOfTheClient) {
  is_grpc_ = true;
  headers_.add(arena_, "Content-Type", "application/grpc+json");
  EXPECT_EQ(begin(*owner_).head.at("content-type"), "application/grpc+json");
}

TEST_F(H2Test, ContentAndTrailersFollowTheHead) {
  connect(*owner_);
  const iovec piece = net::piece("abc");
  ASSERT_TRUE(send(*owner_, content_of(piece, false), http::Framing::kChunked));
  http::HeaderMap trailers;
  trailers.add(arena_, "X-T", "1");
  ASSERT_TRUE(owner_->exchange->write_body({.end = true, .trailers = &trailers}));
  turn_until([&] { return !node().streams.empty() && node().stream(0).ended; });
  EXPECT_EQ(node().stream(0).body, "abc");
  EXPECT_EQ(node().stream(0).trailers.at("x-t"), "1");
  EXPECT_EQ(owner_->exchange->processed(), Processed::kMaybe);
}

TEST_F(H2Test, LengthIsSaidWhenItIsKnown) {
  connect(*owner_);
  const iovec piece = net::piece("abc");
  http::RequestWrite head{.method = "POST", .target = "/", .host = "a.test"};
  head.framing = http::Framing::kLength;
  head.content_length = 3;
  ASSERT_TRUE(owner_->exchange->write_head(head, content_of(piece, true)));
  turn_until([&] { return !node().streams.empty() && node().stream(0).ended; });
  EXPECT_EQ(node().stream(0).head.at("content-length"), "3");
}

TEST_F(H2Test, HeadThatIsNotOneLineIsNotSent) {
  connect(*owner_);
  const http::RequestWrite head{.method = "GET", .target = "/a b"};
  EXPECT_FALSE(owner_->exchange->write_head(head, {.end = true}));
  EXPECT_EQ(owner_->exchange->failure().kind, Kind::kUnwritable);
  turns();
  EXPECT_TRUE(node().streams.empty());
}

TEST_F(H2Test, NodeWithoutRoomLeavesUnsentBytesAndTakesThemLater) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked));
  turn_until([&] { return !node().streams.empty(); });
  node().stream(0).consumes = false;
  const std::string bulk(100'000, 'x');  // more than its window of 65,535
  const iovec piece = net::piece(bulk);
  ASSERT_TRUE(owner_->exchange->write_body(content_of(piece, true)));
  turn_until([&] { return owner_->exchange->unsent_bytes() > 0; });
  EXPECT_TRUE(has(*owner_, "writable"));  // it counted as sent until then
  EXPECT_EQ(owner_->exchange->unsent_bytes(), 100'000u - 65'535u);
  turns();
  EXPECT_FALSE(node().stream(0).ended);
  node().stream(0).consumes = true;
  node().engine.consume(node().stream(0).id, 65'535);
  turn_until([&] { return node().stream(0).ended; });
  EXPECT_EQ(node().stream(0).body, bulk);
  EXPECT_EQ(owner_->exchange->unsent_bytes(), 0u);
}

TEST_F(H2Test, FramesOfATurnLeaveInOneWrite) {
  connect(*owner_);
  const auto second = make_owner();
  const auto third = make_owner();
  open(*second);
  open(*third);
  turns();
  const int before = node().reads;
  for (Owner* const owner : {owner_.get(), second.get(), third.get()}) ASSERT_TRUE(send(*owner));
  turn_until([&] { return node().streams.size() == 3; });
  EXPECT_EQ(node().reads, before + 1);
}

// --- the response

TEST_F(H2Test, HeadContentAndTrailersOfOneReadAreDelivered) {
  NodeStream& request = begin(*owner_);
  request.response_trailers = {{"grpc-status", "0"}, {"grpc-message", "fine"}};
  request.respond(kOkHead, "hello", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->status, 200);
  EXPECT_EQ(owner_->body, "hello");
  EXPECT_EQ(owner_->trailers, 2u);
  EXPECT_FALSE(owner_->failed);
}

TEST_F(H2Test, ResponseMayBeginBeforeTheRequestEnds) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked));
  turn_until([&] { return !node().streams.empty(); });
  node().stream(0).respond(kOkHead, "one", false);
  turn_until([&] { return owner_->body == "one"; });
  const iovec piece = net::piece("two");
  ASSERT_TRUE(owner_->exchange->write_body(content_of(piece, true)));
  turn_until([&] { return node().stream(0).ended; });
  EXPECT_EQ(node().stream(0).body, "two");
  node().stream(0).send("three", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "onethree");
}

TEST_F(H2Test, ResponseThatEndsBeforeTheRequestResetsTheStream) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked));
  turn_until([&] { return !node().streams.empty(); });
  node().stream(0).respond({{":status", "200"}, {"grpc-status", "7"}}, "", true);
  turn_until([&] { return owner_->ended; });
  turn_until([&] { return node().stream(0).closed.has_value(); });
  EXPECT_EQ(node().stream(0).closed, ErrorCode::kCancel);
}

TEST_F(H2Test, InformationalHeadsComeBeforeTheResponse) {
  NodeStream& request = begin(*owner_);
  const std::vector<h2::Field> hints = {{":status", "103"}, {"link", "</a>"}};
  node().engine.submit_informational(request.id, hints);
  request.respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_THAT(owner_->events, Contains("informational 103"));
  EXPECT_EQ(owner_->events.back(), "response 200");
}

TEST_F(H2Test, HeadHasNoContent) {
  NodeStream& request = begin(*owner_, http::Method::kHead);
  request.respond({{":status", "200"}, {"content-length", "5"}}, "", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "");
  EXPECT_FALSE(owner_->failed);
}

TEST_F(H2Test, LargeResponseComesWhole) {
  NodeStream& request = begin(*owner_);
  const std::string bulk(4 << 20, 'y');
  request.respond(kOkHead, bulk, true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, bulk);
}

TEST_F(H2Test, ManySmallFramesOfOneReadAreDelivered) {
  NodeStream& request = begin(*owner_);
  request.respond(kOkHead, "", false);
  turns();
  std::string sent;
  for (int i = 0; i < 500; ++i) {
    request.send(std::to_string(i), i == 499);
    node().write();
    sent += std::to_string(i);
  }
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, sent);
}

TEST_F(H2Test, PausedResponseStopsItsStreamAndNoOther) {
  NodeStream& request = begin(*owner_);
  owner_->exchange->pause_response();
  const std::string bulk(1 << 20, 'y');
  request.respond(kOkHead, bulk, true);
  turn_until([&] { return owner_->body.size() >= limits::kH2ResponseWindowBytes; });
  turns();
  EXPECT_EQ(owner_->body.size(), limits::kH2ResponseWindowBytes);
  const auto second = make_owner();
  begin(*second).respond(kOkHead, bulk, true);
  turn_until([&] { return second->ended; });
  owner_->exchange->resume_response();
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, bulk);
}

// --- malformed responses are a 502 (RFC 9113 8.1.1)

struct BadHead {
  const char* name;
  std::vector<h2::Field> fields;
  std::string content;
};

class H2BadResponse : public H2Test, public ::testing::WithParamInterface<BadHead> {};

TEST_P(H2BadResponse, Fails) {
  NodeStream& request = begin(*owner_);
  request.respond(GetParam().fields, GetParam().content, true);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse) << owner_->what;
  EXPECT_EQ(owner_->status, 0);
  EXPECT_FALSE(owner_->ended);
  // The connection serves on.
  const auto second = make_owner();
  begin(*second).respond(kOkHead, "ok", true);
  turn_until([&] { return second->ended; });
  EXPECT_EQ(nodes_.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Table, H2BadResponse,
    ::testing::Values(
        BadHead{"NoStatus", {{"a", "b"}}, ""},  //
        BadHead{"StatusOfTwoDigits", {{":status", "20"}}, ""},
        BadHead{"StatusOfLetters", {{":status", "2x0"}}, ""}, BadHead{"Status0", {{":status", "000"}}, ""},
        BadHead{"StatusTwice", {{":status", "200"}, {":status", "204"}}, ""},
        BadHead{"StatusBehindFields", {{"a", "b"}, {":status", "200"}}, ""},
        BadHead{"Status101", {{":status", "101"}}, ""},
        BadHead{"OtherPseudoHeader", {{":status", "200"}, {":path", "/"}}, ""},
        BadHead{"Connection", {{":status", "200"}, {"connection", "close"}}, ""},
        BadHead{"TransferEncoding", {{":status", "200"}, {"transfer-encoding", "chunked"}}, "x"},
        BadHead{"Upgrade", {{":status", "200"}, {"upgrade", "h2c"}}, ""},
        BadHead{"KeepAlive", {{":status", "200"}, {"keep-alive", "1"}}, ""},
        BadHead{"LineFeedInValue", {{":status", "200"}, {"a", "b\r\nc: d"}}, ""},
        BadHead{"NulInValue", {{":status", "200"}, {"a", std::string_view("b\0c", 3)}}, ""},
        BadHead{"SpaceInName", {{":status", "200"}, {"a b", "c"}}, ""},
        BadHead{"ColonInName", {{":status", "200"}, {"a:b", "c"}}, ""},
        BadHead{"TwoLengths", {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}}, "x"},
        BadHead{"LengthOfLetters", {{":status", "200"}, {"content-length", "x"}}, "x"},
        BadHead{"ShortBody", {{":status", "200"}, {"content-length", "5"}}, "abc"},
        BadHead{"LongBody", {{":status", "200"}, {"content-length", "2"}}, "abc"},
        BadHead{"EmptyBody", {{":status", "200"}, {"content-length", "5"}}, ""},
        BadHead{"BodyOf204", {{":status", "204"}}, "abc"}),
    [](const auto& info) { return info.param.name; });

TEST_F(H2Test, HeadThatIsTooLargeFails) {
  NodeStream& request = begin(*owner_);
  const std::string value(20'000, 'v');
  request.respond({{":status", "200"}, {"a", value}, {"b", value}, {"c", value}, {"d", value}}, "", true);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
  EXPECT_THAT(owner_->what, HasSubstr("too large"));
}

TEST_F(H2Test, FieldThatAServerTakesForFramingIsLeftOut) {
  NodeStream& request = begin(*owner_);
  request.respond({{":status", "200"}, {"content_length", "5"}, {"x_y", "1"}}, "", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->fields, 1u);
}

// --- how it fails, and what the node may have done

TEST_F(H2Test, RefusedConnectionIsAConnectFailure) {
  const Endpoint endpoint{.ip = *base::IpAddress::parse("127.0.0.1"), .port = 1};
  auto opened = pool_.open({.endpoint = endpoint,
                            .arena = arena_,
                            .keepalive = limits_,
                            .method = http::Method::kPost,
                            .protocol = http::Protocol::k2},
                           *owner_);
  ASSERT_TRUE(opened);
  owner_->exchange = std::move(*opened);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kConnect);
  EXPECT_EQ(owner_->failure.error_number, ECONNREFUSED);
  EXPECT_EQ(owner_->failure.processed, Processed::kNo);
}

TEST_F(H2Test, RefusedStreamWasNotProcessed) {
  connect(*owner_);
  turns();
  node().refuses = true;
  ASSERT_TRUE(send(*owner_));
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kReceive);
  EXPECT_EQ(owner_->failure.processed, Processed::kNo);
  EXPECT_FALSE(owner_->failure.is_stale);  // it could refuse without end
}

TEST_F(H2Test, ResetStreamMayBeProcessed) {
  NodeStream& request = begin(*owner_);
  node().engine.reset(request.id, ErrorCode::kInternalError);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kReceive);
  EXPECT_EQ(owner_->failure.processed, Processed::kMaybe);
  EXPECT_THAT(owner_->what, HasSubstr("INTERNAL_ERROR"));
}

TEST_F(H2Test, ResetBehindAWholeResponseIsNoFailure) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked));
  turn_until([&] { return !node().streams.empty(); });
  node().stream(0).respond({{":status", "200"}, {"grpc-status", "0"}}, "", true);
  node().write();
  node().engine.reset(node().stream(0).id, ErrorCode::kNoError);
  turn_until([&] { return owner_->ended; });
  EXPECT_FALSE(owner_->failed);
}

TEST_F(H2Test, GoawayTellsWhatWasNotProcessed) {
  begin(*owner_).respond(kOkHead, "ok", true);  // the node is fine
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  NodeStream& taken = begin(*second);
  const auto third = make_owner();
  connect(*third);
  ASSERT_TRUE(send(*third));
  node().engine.submit_goaway(ErrorCode::kNoError);  // its last stream is the second one
  node().write();
  turn_until([&] { return third->failed; });
  EXPECT_EQ(third->failure.processed, Processed::kNo);
  EXPECT_TRUE(third->failure.is_stale);
  EXPECT_FALSE(second->failed);
  taken.respond(kOkHead, "ok", true);
  turn_until([&] { return second->ended; });
  turn_until([&] { return node().closed; });  // drained
}

TEST_F(H2Test, GoawayInTheTurnOfARequestIsARefusal) {
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  open(*second);
  ASSERT_TRUE(send(*second));
  node().engine.submit_goaway(ErrorCode::kNoError);
  node().write();  // it is read before the turn's writes
  turn_until([&] { return second->failed; });
  EXPECT_EQ(second->failure.kind, Kind::kReceive);
  EXPECT_EQ(second->failure.processed, Processed::kNo);
  EXPECT_TRUE(second->failure.is_stale);
}

TEST_F(H2Test, ExchangesBehindAGoawayGetAnotherConnection) {
  NodeStream& request = begin(*owner_);
  node().engine.submit_goaway(ErrorCode::kNoError);
  turns();
  const auto second = make_owner();
  begin(*second).respond(kOkHead, "ok", true);
  turn_until([&] { return second->ended; });
  EXPECT_EQ(nodes_.size(), 2u);
  request.respond(kOkHead, "late", true);
  turn_until([&] { return owner_->ended; });
}

TEST_F(H2Test, LostConnectionFailsAllItsStreams) {
  begin(*owner_);
  const auto second = make_owner();
  begin(*second).respond(kOkHead, "half", false);
  turn_until([&] { return second->body == "half"; });
  node().close();
  turn_until([&] { return owner_->failed && second->failed; });
  EXPECT_EQ(owner_->failure.processed, Processed::kMaybe);
  EXPECT_TRUE(owner_->failure.is_stale);  // the connection had served
  EXPECT_EQ(owner_->failure.kind, Kind::kReceive);
  EXPECT_FALSE(second->failure.is_stale);
  EXPECT_FALSE(second->ended);
}

TEST_F(H2Test, HeadThatNeverLeftWasNotProcessed) {
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  open(*second);
  ASSERT_TRUE(second->exchange->is_connected());
  ASSERT_TRUE(send(*second));
  node().close();
  loop_.run_once(10);  // the end is read before the turn's writes
  ASSERT_TRUE(second->failed);
  EXPECT_EQ(second->failure.processed, Processed::kNo);
  EXPECT_TRUE(second->failure.is_stale);
}

TEST_F(H2Test, NodeThatSpeaksHttp1IsABadResponse) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_));
  node().say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
}

TEST_F(H2Test, AbortResetsTheStreamInTheSameTurn) {
  NodeStream& request = begin(*owner_);
  owner_->exchange->abort(true);
  loop_.run_once(1);
  node().turn();
  EXPECT_EQ(request.closed, ErrorCode::kCancel);
  turns();
  EXPECT_FALSE(owner_->failed);
  EXPECT_FALSE(node().closed);
}

TEST_F(H2Test, NothingFollowsAnAbortInACallback) {
  owner_->aborts_at_informational = true;
  NodeStream& request = begin(*owner_);
  const std::vector<h2::Field> hints = {{":status", "103"}};
  node().engine.submit_informational(request.id, hints);
  request.respond(kOkHead, "ok", true);
  turn_until([&] { return has(*owner_, "informational 103"); });
  turns();
  EXPECT_EQ(owner_->status, 0);
  EXPECT_FALSE(owner_->failed);
}

TEST_F(H2Test, FloodOfEmptyFramesEndsTheConnection) {
  begin(*owner_);
  const std::string ping("\0\0\x08\x06\0\0\0\0\0abcdefgh", 17);
  std::string flood;
  for (std::uint32_t i = 0; i < limits::kH2IdleFramesMax + 10; ++i) flood += ping;
  node().say(flood);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
  turn_until([&] { return node().goaway.has_value(); });
  EXPECT_EQ(node().goaway, ErrorCode::kEnhanceYourCalm);
}

TEST_F(H2Test, PingsBesideContentAreNoFlood) {
  NodeStream& request = begin(*owner_);
  const std::string ping("\0\0\x08\x06\0\0\0\0\0abcdefgh", 17);
  request.respond(kOkHead, "", false);
  for (std::uint32_t i = 0; i < 2 * limits::kH2IdleFramesMax; ++i) {
    request.send("x", false);
    node().write();
    node().say(ping);
    turn();
  }
  request.send("x", true);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body.size(), 2 * limits::kH2IdleFramesMax + 1);
  EXPECT_FALSE(node().goaway.has_value());
}

TEST_F(H2Test, TooManyInformationalHeadsAreABadResponse) {
  NodeStream& request = begin(*owner_);
  const std::vector<h2::Field> hints = {{":status", "103"}};
  for (int i = 0; i < 50; ++i) node().engine.submit_informational(request.id, hints);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
}

// --- connections

TEST_F(H2Test, ExchangesShareAConnection) {
  begin(*owner_);
  const auto second = make_owner();
  begin(*second);
  EXPECT_EQ(pool_.open(), 1u);
}

TEST_F(H2Test, OpeningsWhileItConnectsShareItToo) {
  open(*owner_);
  const auto second = make_owner();
  open(*second);
  EXPECT_EQ(pool_.open(), 1u);
  turn_until([&] { return owner_->exchange->is_connected() && second->exchange->is_connected(); });
  EXPECT_TRUE(has(*second, "connected"));
}

TEST_F(H2Test, ConnectionWhoseNodeIsSilentTakesNoMore) {
  begin(*owner_);
  loop_.skip_ms(limits::kH2SilenceMs + 100);
  turns();
  owner_->exchange->abort(true);
  const auto second = make_owner();
  begin(*second);
  EXPECT_EQ(nodes_.size(), 2u);
  turn_until([&] { return nodes_.front()->closed; });
}

TEST_F(H2Test, ConnectThatWasNotWaitedForTakesNoMore) {
  open(*owner_);
  const auto second = make_owner();
  open(*second);
  owner_->exchange->abort(false);
  const auto third = make_owner();
  open(*third);
  EXPECT_EQ(pool_.open(), 2u);
}

TEST_F(H2Test, FullConnectionGetsAnotherOneBesideIt) {
  settings_.concurrent_streams_max = 1;
  begin(*owner_);
  turns();
  const auto second = make_owner();
  begin(*second);
  EXPECT_EQ(pool_.open(), 2u);
}

TEST_F(H2Test, OpeningsWaitWhereConnectionsAreBounded) {
  settings_.concurrent_streams_max = 1;
  limits_.connections_max = 1;
  NodeStream& request = begin(*owner_);
  turns();
  const auto second = make_owner();
  open(*second);
  EXPECT_TRUE(second->exchange->is_in_line());
  request.respond(kOkHead, "ok", true);
  turn_until([&] { return has(*second, "connected"); });
  EXPECT_EQ(pool_.open(), 1u);
}

TEST_F(H2Test, WaitingExchangeMayLeaveTheLine) {
  settings_.concurrent_streams_max = 1;
  limits_.connections_max = 1;
  begin(*owner_);
  turns();
  const auto second = make_owner();
  open(*second);
  second->exchange->abort(false);
  turns();
  EXPECT_FALSE(second->failed);
}

TEST_F(H2Test, ConnectionEndsAfterItsRequests) {
  limits_.requests_max = 2;
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  begin(*second).respond(kOkHead, "ok", true);
  turn_until([&] { return second->ended; });
  turn_until([&] { return node().closed; });
  EXPECT_EQ(node().goaway, ErrorCode::kNoError);
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H2Test, IdleConnectionEndsInTime) {
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  turns();
  EXPECT_EQ(pool_.open(), 1u);
  EXPECT_EQ(pool_.idle(), 1u);
  loop_.skip_ms(limits_.idle_timeout_ms + 100);
  turn_until([&] { return node().closed; });
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H2Test, IdleConnectionThatTheNodeClosesIsForgotten) {
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  node().close();
  turn_until([&] { return pool_.open() == 0; });
}

TEST_F(H2Test, ConnectionIsNotKeptWithoutAnIdleTimeout) {
  limits_.idle_timeout_ms = 0;
  begin(*owner_).respond(kOkHead, "ok", true);
  turn_until([&] { return owner_->ended; });
  turn_until([&] { return pool_.open() == 0; });
}

TEST_F(H2Test, AbandonedConnectIsDropped) {
  open(*owner_);
  owner_->exchange->abort(false);
  turns();
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H2Test, ExchangeMayBeDestroyedWhileOthersGoOn) {
  begin(*owner_);
  const auto second = make_owner();
  NodeStream& request = begin(*second);
  owner_->exchange.reset();
  request.respond(kOkHead, "ok", true);
  turn_until([&] { return second->ended; });
  EXPECT_EQ(second->body, "ok");
}

}  // namespace
}  // namespace apisix::upstream
