// An exchange in HTTP/1.1 with a node that is a socket of the test: framing both ways, what becomes of the
// connection, how it fails, and openings that wait for a connection.
#include "worker/upstream/h1_exchange.h"

#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/event/loop.h"
#include "tests/unit/shared/net/crowd.h"
#include "tests/unit/worker/upstream/exchange_fixture.h"

namespace apisix::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Kind = Exchange::FailureKind;
using Processed = Exchange::Processed;

// --- the request

TEST_F(H1ExchangeTest, HeadAndFirstContentAreFramed) {
  connect(*owner_);
  const iovec piece = net::piece("abc");
  ASSERT_TRUE(send(*owner_, content_of(piece, false), http::Framing::kChunked, "POST"));
  EXPECT_THAT(node_reads(), ::testing::EndsWith("\r\n\r\n3\r\nabc\r\n"));
  ASSERT_TRUE(owner_->exchange->write_body({.end = true}));
  EXPECT_EQ(node_reads(), "0\r\n\r\n");
  EXPECT_EQ(owner_->exchange->processed(), Processed::kMaybe);
}

TEST_F(H1ExchangeTest, TrailersFollowTheLastChunk) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked, "POST"));
  node_reads();
  http::HeaderMap trailers;
  trailers.add(arena_, "X-T", "1");
  ASSERT_TRUE(owner_->exchange->write_body({.end = true, .trailers = &trailers}));
  EXPECT_EQ(node_reads(), "0\r\nX-T: 1\r\n\r\n");
}

TEST_F(H1ExchangeTest, HeadThatIsNotOneLineIsNotSent) {
  connect(*owner_);
  http::RequestWrite head;
  head.method = "GET";
  head.target = "/a b";
  EXPECT_FALSE(owner_->exchange->write_head(head, {.end = true}));
  EXPECT_EQ(owner_->exchange->failure().kind, Kind::kUnwritable);
  EXPECT_EQ(owner_->exchange->processed(), Processed::kNo);
  EXPECT_EQ(node_reads(), "");
}

TEST_F(H1ExchangeTest, SlowNodeLeavesUnsentBytesAndTakesThemLater) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kLength, "POST"));
  const std::string bulk(1 << 20, 'x');
  const iovec piece = net::piece(bulk);
  while (owner_->exchange->unsent_bytes() == 0) {
    ASSERT_TRUE(owner_->exchange->write_body(content_of(piece, false)));
  }
  turn_until([&] {
    node_reads();
    return owner_->exchange->unsent_bytes() == 0;
  });
  EXPECT_TRUE(has(*owner_, "writable"));
}

// --- the response

TEST_F(H1ExchangeTest, ConnectionIsPooledBeforeTheEndIsDelivered) {
  begin(*owner_);
  node_says(kOk);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "ok");
  EXPECT_EQ(owner_->idle_at_end, 1u);
  EXPECT_FALSE(owner_->more);
  EXPECT_EQ(owner_->exchange->bytes_received(), kOk.size());
}

TEST_F(H1ExchangeTest, SecondExchangeUsesTheSameConnection) {
  begin(*owner_);
  node_says(kOk);
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  open(*second);
  EXPECT_TRUE(second->exchange->is_connected());
  EXPECT_EQ(pool_.open(), 1u);
}

TEST_F(H1ExchangeTest, HeadInPiecesIsProgress) {
  begin(*owner_);
  node_says(kOk.substr(0, 10));
  turn_until([&] { return has(*owner_, "progress"); });
  node_says(kOk.substr(10));
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "ok");
}

TEST_F(H1ExchangeTest, InformationalHeadsComeBeforeTheResponse) {
  begin(*owner_);
  node_says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + std::string(kOk));
  turn_until([&] { return owner_->ended; });
  EXPECT_THAT(owner_->events, ::testing::Contains("informational 103"));
  EXPECT_EQ(owner_->events.back(), "response 200");
}

TEST_F(H1ExchangeTest, NothingFollowsAnAbortInACallback) {
  owner_->aborts_at_informational = true;
  begin(*owner_);
  node_says("HTTP/1.1 103 Early Hints\r\n\r\n" + std::string(kOk));
  turn_until([&] { return has(*owner_, "informational 103"); });
  turn();
  EXPECT_EQ(owner_->status, 0);
  EXPECT_FALSE(owner_->failed);
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H1ExchangeTest, ChunkedContentAndTrailersAreTakenOffTheirFraming) {
  begin(*owner_);
  node_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n");
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "abc");
  EXPECT_EQ(owner_->trailers, 1u);
  EXPECT_EQ(pool_.idle(), 1u);
}

TEST_F(H1ExchangeTest, ContentUntilCloseEndsWithTheConnection) {
  begin(*owner_);
  node_says("HTTP/1.1 200 OK\r\n\r\nabc");
  turn_until([&] { return owner_->body == "abc"; });
  EXPECT_FALSE(owner_->ended);
  node_closes();
  turn_until([&] { return owner_->ended; });
  EXPECT_FALSE(owner_->failed);
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H1ExchangeTest, ConnectionWithTheRequestUnfinishedIsNotPooled) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kChunked, "POST"));
  node_says(kOk);
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H1ExchangeTest, BytesLeftOverCloseTheConnection) {
  begin(*owner_);
  node_says(std::string(kOk) + "stray");
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H1ExchangeTest, PausedResponseWaits) {
  begin(*owner_);
  node_says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  turn_until([&] { return owner_->body == "abc"; });
  owner_->exchange->pause_response();
  node_says("def");
  turn();
  EXPECT_EQ(owner_->body, "abc");
  owner_->exchange->resume_response();
  turn_until([&] { return owner_->ended; });
  EXPECT_EQ(owner_->body, "abcdef");
}

TEST_F(H1ExchangeTest, ResponseToHeadIsCheckedBeforeTheConnectionIsUsedAgain) {
  begin(*owner_, http::Method::kHead);
  node_says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  turn_until([&] { return owner_->ended; });
  ASSERT_EQ(pool_.idle(), 1u);
  node_says("hello");  // it must not, and does
  const auto second = make_owner();
  open(*second);
  EXPECT_FALSE(second->exchange->is_connected());
}

// --- failures

TEST_F(H1ExchangeTest, RefusedConnectionIsNotProcessed) {
  Endpoint gone;
  {
    const SocketNode other;
    gone = other.endpoint();
  }
  auto opened = pool_.open({.endpoint = gone, .arena = arena_, .keepalive = limits_}, *owner_);
  ASSERT_TRUE(opened);
  owner_->exchange = std::move(*opened);
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kConnect);
  EXPECT_EQ(owner_->failure.error_number, ECONNREFUSED);
  EXPECT_EQ(owner_->failure.processed, Processed::kNo);
}

TEST_F(H1ExchangeTest, NodeThatClosesWithoutAResponseFailsAndIsNotStale) {
  begin(*owner_);
  node_closes();
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kReceive);
  EXPECT_EQ(owner_->failure.processed, Processed::kMaybe);
  EXPECT_FALSE(owner_->failure.is_stale);
}

TEST_F(H1ExchangeTest, UsedConnectionThatTheNodeClosesIsStale) {
  begin(*owner_);
  node_says(kOk);
  turn_until([&] { return owner_->ended; });
  const auto second = make_owner();
  begin(*second);
  node_closes();
  turn_until([&] { return second->failed; });
  EXPECT_TRUE(second->failure.is_stale);
}

TEST_F(H1ExchangeTest, MalformedHeadIsABadResponse) {
  begin(*owner_);
  node_says("HTTP/1.1 two hundred\r\n\r\n");
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
  EXPECT_NE(owner_->what, "");
}

TEST_F(H1ExchangeTest, MalformedChunkIsABadResponse) {
  begin(*owner_);
  node_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->failure.kind, Kind::kBadResponse);
  EXPECT_EQ(owner_->what, "malformed chunked body");
}

TEST_F(H1ExchangeTest, ContentThatBreaksOffFails) {
  begin(*owner_);
  node_says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  turn_until([&] { return owner_->body == "abc"; });
  node_closes();
  turn_until([&] { return owner_->failed; });
  EXPECT_EQ(owner_->what, "upstream prematurely closed connection");
  EXPECT_FALSE(owner_->ended);
}

TEST_F(H1ExchangeTest, OtherProtocolsAreNotSpoken) {
  const Endpoint endpoint = node_.endpoint();
  const auto opened = pool_.open(
      {.endpoint = endpoint, .arena = arena_, .keepalive = limits_, .protocol = http::Protocol::k3}, *owner_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().source, base::ErrorSource::kGateway);
}

// --- a tunnel

TEST_F(H1ExchangeTest, UpgradeBecomesATunnelThatEndsSideBySide) {
  begin(*owner_);
  node_reads();
  node_says("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst");
  turn_until([&] { return owner_->body == "first"; });
  ASSERT_TRUE(owner_->exchange->write_tunnel("hello"));
  EXPECT_EQ(node_reads(), "hello");
  node_says(" second");
  turn_until([&] { return owner_->body == "first second"; });
  ::shutdown(ends_.back().fd(), SHUT_WR);
  turn_until([&] { return has(*owner_, "tunnel closed"); });
  ASSERT_TRUE(owner_->exchange->write_tunnel("bye"));
  EXPECT_EQ(node_reads(), "bye");
  owner_->exchange->abort(false);
  EXPECT_EQ(pool_.open(), 0u);
}

TEST_F(H1ExchangeTest, EndOfATunnelFollowsItsLastBytes) {
  begin(*owner_);
  node_reads();
  node_says("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst");
  turn_until([&] { return owner_->body == "first"; });
  const std::string bulk(1 << 20, 'x');
  std::size_t written = 0;
  for (; owner_->exchange->unsent_bytes() == 0; written += bulk.size()) {
    ASSERT_TRUE(owner_->exchange->write_tunnel(bulk));
  }
  owner_->exchange->shutdown_write();
  std::size_t got = 0;
  turn_until([&] {
    got += node_reads().size();
    return got == written;
  });
  char byte = 0;
  turn_until([&] { return ::recv(ends_.back().fd(), &byte, 1, 0) == 0; });
}

// --- waiting for a connection

class WaitingTest : public H1ExchangeTest {
 protected:
  WaitingTest() { limits_.connections_max = 1; }
  void finish(Owner& owner) {
    ASSERT_TRUE(send(owner));
    node_says(kOk);
    turn_until([&] { return owner.ended; });
  }
};

TEST_F(WaitingTest, OpeningWaitsForTheConnectionThatIsGivenBack) {
  connect(*owner_);
  const auto second = make_owner();
  open(*second);
  turn();
  EXPECT_FALSE(second->exchange->is_connected());
  EXPECT_EQ(pool_.open(), 1u);
  finish(*owner_);
  turn_until([&] { return has(*second, "connected"); });
  EXPECT_TRUE(second->exchange->is_connected());
  EXPECT_EQ(pool_.open(), 1u);
  finish(*second);
}

TEST_F(WaitingTest, OpeningsAreServedInTheirOrder) {
  connect(*owner_);
  const auto second = make_owner();
  const auto third = make_owner();
  open(*second);
  open(*third);
  finish(*owner_);
  turn_until([&] { return has(*second, "connected"); });
  turn();
  EXPECT_FALSE(has(*third, "connected"));
  finish(*second);
  turn_until([&] { return has(*third, "connected"); });
}

TEST_F(WaitingTest, DroppedConnectionMakesRoomForANewOne) {
  connect(*owner_);
  const auto second = make_owner();
  open(*second);
  owner_->exchange->abort(true);
  turn_until([&] { return has(*second, "connected"); });
  EXPECT_EQ(pool_.open(), 1u);
}

TEST_F(WaitingTest, NewOpeningDoesNotOvertakeTheLine) {
  connect(*owner_);
  const auto second = make_owner();
  open(*second);
  ASSERT_TRUE(send(*owner_));
  node_says(kOk);
  loop_.run_once(10);
  const auto third = make_owner();
  open(*third);
  turn_until([&] { return has(*second, "connected"); });
  EXPECT_FALSE(third->exchange->is_connected());
}

TEST_F(WaitingTest, OpeningThatIsDestroyedLeavesTheLine) {
  connect(*owner_);
  auto second = make_owner();
  const auto third = make_owner();
  open(*second);
  open(*third);
  second.reset();
  finish(*owner_);
  turn_until([&] { return has(*third, "connected"); });
}

// The one in front was only held up by its own limit.
TEST_F(WaitingTest, OpeningBehindOneThatLeavesIsServedWhenItHasRoom) {
  connect(*owner_);
  auto second = make_owner();
  const auto third = make_owner();
  open(*second);
  limits_.connections_max = 2;
  open(*third);
  turn();
  EXPECT_TRUE(second->exchange->is_in_line());
  EXPECT_TRUE(third->exchange->is_in_line());
  second.reset();
  turn_until([&] { return has(*third, "connected"); });
  EXPECT_EQ(pool_.open(), 2u);
}

TEST_F(WaitingTest, OpeningThatIsAbortedIsNotServed) {
  connect(*owner_);
  const auto second = make_owner();
  open(*second);
  second->exchange->abort(true);
  finish(*owner_);
  turn();
  EXPECT_TRUE(second->events.empty());
  EXPECT_EQ(pool_.idle(), 1u);
}

TEST_F(WaitingTest, WithoutALimitNothingWaits) {
  limits_.connections_max = 0;
  connect(*owner_);
  const auto second = make_owner();
  connect(*second);
  EXPECT_EQ(pool_.open(), 2u);
}

// --- in turn batches

class BatchedExchangeTest : public H1ExchangeTest {
 protected:
  void SetUp() override {
    if (loop_.batch().open() != 0) GTEST_SKIP() << "no io_uring";
    crowd_ = std::make_unique<net::Crowd>(loop_);
  }
  // An idle connection, used once.
  void leave_idle() {
    begin(*owner_);
    node_says(kOk);
    turn_until([&] { return owner_->ended; });
    node_reads();
    ASSERT_EQ(pool_.idle(), 1u);
  }

  std::unique_ptr<net::Crowd> crowd_;
  std::unique_ptr<Owner> second_ = make_owner();
};

// They would be the response to the request of another client.
TEST_F(BatchedExchangeTest, UnaskedBytesOfTheTurnAreNoResponse) {
  leave_idle();
  crowd_->become_readable();
  node_says(kOk);
  crowd_->turn([this] { open(*second_); });
  EXPECT_FALSE(second_->exchange->is_connected()) << "it has a connection of its own";
  EXPECT_EQ(pool_.idle(), 0u);
  turn_until([this] { return second_->exchange->is_connected(); });
  turn();
  EXPECT_EQ(second_->body, "");
}

TEST_F(BatchedExchangeTest, NodeThatClosesInTheTurnIsNotAsked) {
  leave_idle();
  crowd_->become_readable();
  node_closes();
  crowd_->turn([this] { open(*second_); });
  EXPECT_FALSE(second_->exchange->is_connected());
}

TEST_F(BatchedExchangeTest, RequestOfWhichNothingIsSentIsNotProcessed) {
  leave_idle();
  crowd_->become_readable();
  crowd_->turn([this] {
    open(*second_);
    ASSERT_TRUE(send(*second_));
    EXPECT_EQ(node_reads(), "") << "it leaves with the turn";
    ends_.back().reset();
  });
  ASSERT_TRUE(second_->failed);
  EXPECT_EQ(second_->failure.kind, Kind::kSend);
  EXPECT_EQ(second_->failure.processed, Processed::kNo);
  EXPECT_TRUE(second_->failure.is_stale);
  EXPECT_EQ(second_->exchange->bytes_sent(), 0u);
}

TEST_F(BatchedExchangeTest, OwnerLearnsThatWhatWasTakenIsNotSent) {
  connect(*owner_);
  ASSERT_TRUE(send(*owner_, {}, http::Framing::kLength, "POST"));
  const std::string part(4000, 'x');
  const iovec piece = net::piece(part);
  for (int turns = 0; turns < 5000 && owner_->exchange->unsent_bytes() == 0; ++turns) {
    ASSERT_FALSE(has(*owner_, "writable"));
    crowd_->become_readable();
    crowd_->turn([&] { ASSERT_TRUE(owner_->exchange->write_body(content_of(piece, false))); });
  }
  EXPECT_GT(owner_->exchange->unsent_bytes(), 0u);
  EXPECT_TRUE(has(*owner_, "writable")) << "its deadline is that of sending again";
}

TEST_F(BatchedExchangeTest, RequestLeavesWithTheTurnAndIsAnswered) {
  leave_idle();
  crowd_->become_readable();
  crowd_->turn([this] {
    open(*second_);
    ASSERT_TRUE(send(*second_));
  });
  EXPECT_THAT(node_reads(), StartsWith("GET /path HTTP/1.1\r\n"));
  node_says(kOk);
  turn_until([this] { return second_->ended; });
  EXPECT_EQ(pool_.idle(), 1u);
}

TEST_F(BatchedExchangeTest, AbortInTheTurnSendsWhatWasWritten) {
  leave_idle();
  crowd_->become_readable();
  crowd_->turn([this] {
    open(*second_);
    ASSERT_TRUE(send(*second_));
    second_->exchange->abort(/*reset=*/false);
  });
  EXPECT_THAT(node_reads(), StartsWith("GET /path HTTP/1.1\r\n"));
  EXPECT_EQ(pool_.open(), 0u);
}

}  // namespace
}  // namespace apisix::upstream
