#include "shared/net/transport.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/shared/net/socket_pair.h"

namespace apisix::net {
namespace {

// Says what it was asked, and answers as the test wants.
class ScriptedSession final : public TlsSession {
 public:
  explicit ScriptedSession(std::string& calls) : calls_(calls) {}
  ~ScriptedSession() override { calls_ += "end "; }

  IoResult handshake() override { return note("handshake"), next; }
  IoResult read(std::span<char> into) override {
    into[0] = 'x';
    return note("read"), next;
  }
  IoResult write(std::span<const iovec> pieces) override {
    return note("write" + std::to_string(pieces.size())), next;
  }
  bool has_pending() const override { return pending; }
  bool wants_write() const override { return to_write; }
  void shutdown() override { note("shutdown"); }
  const TlsInfo& info() override { return agreed; }
  std::string_view error() const override { return why; }
  TlsWire& wire() override { return records; }

  IoResult next;
  bool pending = false;
  bool to_write = false;
  TlsInfo agreed{.sni = "a.example", .alpn = "h2"};
  std::string why;
  TlsWire records{-1};

 private:
  void note(const std::string& call) { calls_ += call + " "; }

  std::string& calls_;
};

class TransportTest : public testing::Test {
 protected:
  ScriptedSession& start_tls() {
    auto session = std::make_unique<ScriptedSession>(calls_);
    ScriptedSession& out = *session;
    transport_.start_tls(std::move(session));
    return out;
  }

  std::string calls_;
  SocketPair pair_;
  int peer_ = pair_.b.fd();
  Transport transport_{std::move(pair_.a)};
};

TEST(Transport, PlainCostsNoMoreThanItsSocketAndOnePointer) {
  static_assert(sizeof(Transport) == 2 * sizeof(void*));
  EXPECT_FALSE(Transport().is_open());
}

TEST_F(TransportTest, PlainBytesGoThroughAsTheyAre) {
  EXPECT_TRUE(transport_.handshake().done());
  const iovec pieces[] = {piece("he"), piece("llo")};
  EXPECT_EQ(transport_.write(pieces).bytes, 5u);
  EXPECT_EQ(read_all(peer_), "hello");

  const iovec reply = piece("reply");
  ASSERT_EQ(write_some(peer_, {&reply, 1}).bytes, 5u);
  std::array<char, 3> buffer;
  EXPECT_EQ(transport_.read(buffer).bytes, 3u);
  EXPECT_FALSE(transport_.has_pending());  // the descriptor reports the rest
  EXPECT_EQ(transport_.read(buffer).bytes, 2u);
  EXPECT_EQ(transport_.read(buffer).kind, IoResult::Kind::kAgain);
}

TEST_F(TransportTest, PlainHasNoTlsAndTheSystemsErrors) {
  EXPECT_EQ(transport_.tls(), nullptr);
  EXPECT_FALSE(transport_.wants_write());
  EXPECT_EQ(transport_.error_text(ECONNRESET), std::strerror(ECONNRESET));
}

TEST_F(TransportTest, PlainShutdownLeavesTheOtherDirectionOpen) {
  transport_.shutdown_write();
  std::array<char, 8> buffer;
  EXPECT_EQ(read_some(peer_, buffer).kind, IoResult::Kind::kClosed);
  const iovec late = piece("late");
  EXPECT_TRUE(write_some(peer_, {&late, 1}).done());
  EXPECT_EQ(transport_.read(buffer).bytes, 4u);
}

TEST_F(TransportTest, ClosedTransportHasNoDescriptor) {
  EXPECT_TRUE(transport_.is_open());
  transport_.close();
  EXPECT_FALSE(transport_.is_open());
  EXPECT_EQ(transport_.fd(), -1);
  transport_.close(/*by_reset=*/true);  // once more is harmless
  std::array<char, 8> buffer;
  EXPECT_EQ(read_some(peer_, buffer).kind, IoResult::Kind::kClosed);
}

TEST_F(TransportTest, WithTlsTheSessionIsAskedAndTheSocketSeesNothing) {
  ScriptedSession& session = start_tls();
  session.next = {IoResult::Kind::kAgain};
  session.to_write = true;
  EXPECT_EQ(transport_.handshake().kind, IoResult::Kind::kAgain);
  EXPECT_TRUE(transport_.wants_write());

  session.next = {IoResult::Kind::kDone, 1};
  session.pending = true;
  std::array<char, 8> buffer;
  EXPECT_EQ(transport_.read(buffer).bytes, 1u);
  EXPECT_EQ(buffer[0], 'x');
  EXPECT_TRUE(transport_.has_pending());
  const iovec pieces[] = {piece("a"), piece("b")};
  EXPECT_EQ(transport_.write(pieces).bytes, 1u);
  EXPECT_EQ(calls_, "handshake read write2 ");
  EXPECT_EQ(read_all(peer_), "");
}

TEST_F(TransportTest, TlsInfoAndErrorAreTheSessions) {
  ScriptedSession& session = start_tls();
  ASSERT_NE(transport_.tls(), nullptr);
  EXPECT_EQ(transport_.tls()->sni, "a.example");
  EXPECT_EQ(transport_.tls()->alpn, "h2");
  EXPECT_EQ(transport_.error_text(EPIPE), std::strerror(EPIPE));  // TLS has nothing to say
  session.why = "certificate has expired";
  EXPECT_EQ(transport_.error_text(EPROTO), "certificate has expired");
}

TEST_F(TransportTest, ShutdownSaysGoodbyeInTlsFirst) {
  start_tls();
  transport_.shutdown_write();
  EXPECT_EQ(calls_, "shutdown ");
  std::array<char, 8> buffer;
  EXPECT_EQ(read_some(peer_, buffer).kind, IoResult::Kind::kClosed);
}

TEST_F(TransportTest, CloseSaysGoodbyeAndResetDoesNot) {
  start_tls();
  transport_.close();
  EXPECT_EQ(calls_, "shutdown ");
  EXPECT_EQ(transport_.tls()->sni, "a.example");  // for what is logged behind the close

  SocketPair other;
  transport_ = Transport(std::move(other.a));
  EXPECT_EQ(calls_, "shutdown end ");
  start_tls();
  calls_.clear();
  transport_.close(/*by_reset=*/true);
  EXPECT_EQ(calls_, "");
}

TEST_F(TransportTest, MovedTransportTakesSocketAndSession) {
  start_tls();
  const int fd = transport_.fd();
  Transport moved = std::move(transport_);
  EXPECT_EQ(moved.fd(), fd);
  EXPECT_NE(moved.tls(), nullptr);
  EXPECT_FALSE(transport_.is_open());
}

}  // namespace
}  // namespace apisix::net
