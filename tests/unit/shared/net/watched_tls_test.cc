// WatchedTransport through TLS: records that a turn's batch receives and sends, and what the socket does not
// take of them.
#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/event/loop.h"
#include "shared/net/buffer_chain.h"
#include "shared/net/tls_client.h"
#include "shared/net/watched_transport.h"
#include "tests/unit/shared/net/socket_pair.h"
#include "tests/unit/shared/net/tls_node.h"

namespace apisix::net {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

bool has_bytes(int fd) {
  char byte = 0;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

// A connection of the data path, the server of TLS, with its peer.
class TlsParty {
 public:
  TlsParty(event::Loop& loop, TlsNode& node, const TlsClientContext& context) : loop_(loop) {
    SocketPair pair;
    transport = std::make_unique<WatchedTransport>(
        loop, std::move(pair.a),
        [](void* self, bool readable, bool writable) {
          static_cast<TlsParty*>(self)->on_event(readable, writable);
        },
        this);
    transport->start_alone(/*read=*/true);
    transport->start_tls(node.session(transport->fd()));
    peer = Transport(std::move(pair.b));
    peer.start_tls(*context.start_session(peer.fd(), {.server_name = "node.example"}));
  }
  ~TlsParty() { transport->close(); }

  bool shake_hands() {
    if (!peer_ready_) peer_ready_ = peer.handshake().done();
    return peer_ready_ && is_ready_;
  }
  void say(std::string_view text) {
    const iovec one = piece(text);
    ASSERT_EQ(peer.write({&one, 1}).bytes, text.size());
  }
  std::string peer_got(std::size_t most = SIZE_MAX) {
    std::string out;
    std::array<char, 4096> buffer;
    while (out.size() < most) {
      const IoResult result = peer.read({buffer.data(), std::min(buffer.size(), most - out.size())});
      peer_broke |= result.kind == IoResult::Kind::kError;
      peer_ended |= result.kind == IoResult::Kind::kClosed;
      if (!result.done()) break;
      out.append(buffer.data(), result.bytes);
    }
    return out;
  }
  // As ClientConnection::write().
  void write(std::string_view text) {
    const iovec one = piece(text);
    std::size_t sent = 0;
    if (output.empty()) {
      const IoResult result = transport->write({&one, 1}, &TlsParty::on_unsent);
      ASSERT_NE(result.kind, IoResult::Kind::kError);
      sent = result.bytes;
    }
    output.append_rest({&one, 1}, sent);
    if (!output.empty()) transport->want_write(true);
  }
  void narrow() const {
    const int bytes = 4096;
    ::setsockopt(transport->fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }

  std::unique_ptr<WatchedTransport> transport;
  Transport peer;
  BufferChain output;
  std::string got;
  std::vector<std::string> reads;
  std::function<void()> on_read = [] {};
  std::vector<std::pair<int, std::size_t>> unsent;  // error number, bytes
  bool ended = false;
  bool was_received = false;  // when its callback came, what it reads had left the socket
  bool peer_broke = false;
  bool peer_ended = false;

 private:
  void on_event(bool readable, bool writable) {
    if (!is_ready_) {
      is_ready_ = transport->handshake().done();
      return;
    }
    if (writable) flush();
    if (!readable) return;
    was_received = !has_bytes(transport->fd());
    const IoResult result = transport->read(scratch_);
    ended |= result.kind == IoResult::Kind::kClosed;
    if (result.done()) reads.emplace_back(scratch_.data(), result.bytes);
    got.append(scratch_.data(), result.bytes);
    on_read();
    transport->report_pending();
  }
  static void on_unsent(void* self, std::string_view rest, int error_number) {
    auto& party = *static_cast<TlsParty*>(self);
    party.unsent.emplace_back(error_number, rest.size());
    if (error_number != 0) return;
    party.output.prepend(rest);
    party.transport->want_write(true);
  }
  void flush() {
    std::array<iovec, 16> pieces;
    while (!output.empty()) {
      const std::size_t count = output.front(pieces);
      const IoResult result = transport->write({pieces.data(), count}, &TlsParty::on_unsent);
      if (!result.done()) return;
      output.consume(result.bytes);
    }
    transport->want_write(false);
  }

  event::Loop& loop_;
  std::array<char, 65536> scratch_;
  bool is_ready_ = false;
  bool peer_ready_ = false;
};

class WatchedTlsTest : public testing::Test {
 protected:
  static constexpr std::size_t kParties = 8;

  void SetUp() override {
    if (const int why = loop_.batch().open(); why != 0) GTEST_SKIP() << "no io_uring: " << std::strerror(why);
    auto context = TlsClientContext::make({.verify = false});
    ASSERT_TRUE(context);
    context_ = std::move(*context);
    for (std::size_t i = 0; i < kParties; ++i)
      parties_.push_back(std::make_unique<TlsParty>(loop_, node_, *context_));
    ASSERT_TRUE(turn_until([this] {
      std::size_t ready = 0;
      for (auto& party : parties_) ready += party->shake_hands() ? 1 : 0;
      return ready == parties_.size();
    }));
    for (auto& party : parties_) party->peer_got();  // tickets
  }
  TlsParty& operator[](std::size_t i) { return *parties_[i]; }
  void say_to_all(std::string_view text) {
    for (auto& party : parties_) party->say(text);
  }
  void turn() { loop_.run_once(1); }
  template <typename Condition>
  bool turn_until(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      turn();
    }
    return false;
  }

  TlsNode node_{"node.example"};
  event::Loop loop_;
  base::Ref<const TlsClientContext> context_;
  std::vector<std::unique_ptr<TlsParty>> parties_;
};

TEST_F(WatchedTlsTest, RecordsAreReceivedTogetherAndLeaveWithTheTurn) {
  for (auto& party : parties_) {
    party->on_read = [&party] {
      party->write("re: ");
      party->write(party->got);
      EXPECT_FALSE(has_bytes(party->peer.fd()));
    };
  }
  say_to_all("hello");
  turn();
  for (auto& party : parties_) {
    EXPECT_TRUE(party->was_received);
    EXPECT_EQ(party->got, "hello");
    EXPECT_EQ(party->peer_got(), "re: hello");
    EXPECT_THAT(party->unsent, ElementsAre());
  }
}

TEST_F(WatchedTlsTest, OneReadReturnsAllRecordsThatCame) {
  for (auto& party : parties_) {
    party->say("a");
    party->say("b");
    party->say("c");
  }
  turn();
  for (auto& party : parties_) {
    EXPECT_THAT(party->reads, ElementsAre("abc"));
    EXPECT_FALSE(party->transport->has_pending());
  }
}

TEST_F(WatchedTlsTest, HalfARecordWaitsForItsRest) {
  const std::string much(10'000, 'm');  // more than a slot: the rest is read behind it
  say_to_all(much);
  say_to_all("x");
  EXPECT_TRUE(turn_until(
      [&] { return std::ranges::all_of(parties_, [&](auto& party) { return party->got == much + "x"; }); }));
}

TEST_F(WatchedTlsTest, TheEndBehindRecordsComesWithoutAnEvent) {
  for (auto& party : parties_) {
    party->say("last");
    party->peer.shutdown_write();
  }
  EXPECT_TRUE(
      turn_until([this] { return std::ranges::all_of(parties_, [](auto& party) { return party->ended; }); }));
  for (auto& party : parties_) EXPECT_EQ(party->got, "last");
}

// The peer does not read what is written in a turn's batch: what the socket does not take waits as records,
// in front of what is written later.
TEST_F(WatchedTlsTest, WhatTheSocketDoesNotTakeComesFirst) {
  TlsParty& slow = (*this)[3];
  slow.narrow();
  std::string written;
  slow.on_read = [&] {
    for (int i = 0; i < 40 && slow.unsent.empty() && slow.output.empty(); ++i) {
      const std::string part(600, static_cast<char>('a' + i % 26));
      slow.write(part);
      written += part;
    }
  };
  for (int i = 0; i < 100 && slow.unsent.empty(); ++i) {
    say_to_all("x");
    turn();
  }
  ASSERT_FALSE(slow.unsent.empty());
  EXPECT_EQ(slow.unsent.front().first, 0);
  slow.on_read = [] {};
  slow.write("behind it");
  written += "behind it";
  std::string got;
  EXPECT_TRUE(turn_until([&] {
    got += slow.peer_got(1000);
    return got.size() >= written.size();
  }));
  EXPECT_EQ(got, written);
  EXPECT_TRUE(slow.output.empty());
  slow.transport->shutdown_write();
  slow.peer_got();
  EXPECT_TRUE(slow.peer_ended);
}

TEST_F(WatchedTlsTest, ContentArrivesInOrderWhateverTheSocketTakes) {
  std::size_t left_over = 0;
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    std::minstd_rand random(seed);
    TlsParty& slow = (*this)[seed];
    slow.narrow();
    std::string written;
    std::string got;
    const auto write = [&] {
      const std::string part(1 + random() % (random() % 4 == 0 ? 40'000 : 3'000),
                             static_cast<char>('a' + random() % 26));
      slow.write(part);
      written += part;
    };
    slow.on_read = write;
    for (int i = 0; i < 300; ++i) {
      say_to_all("x");
      if (random() % 3 == 0) write();  // outside of a batch
      turn();
      if (random() % 2 == 0) got += slow.peer_got(random() % 20'000);
    }
    slow.on_read = [] {};
    EXPECT_TRUE(turn_until([&] {
      got += slow.peer_got();
      return got.size() >= written.size();
    })) << seed;
    EXPECT_TRUE(got == written) << seed;
    EXPECT_FALSE(slow.peer_broke);
    left_over += slow.unsent.size();
  }
  EXPECT_GT(left_over, 0u);
}

// An exchange that counts what a node has got counts content.
TEST_F(WatchedTlsTest, AnErrorOfTheBatchSaysHowMuchContentItLost) {
  TlsParty& broken = (*this)[2];
  broken.on_read = [&] {
    broken.write("12345");
    broken.write("67");
    broken.peer.close(/*by_reset=*/true);
    broken.on_read = [] {};
  };
  say_to_all("x");
  turn();
  EXPECT_THAT(broken.unsent, ElementsAre(std::pair<int, std::size_t>{EPIPE, 7}));
}

TEST_F(WatchedTlsTest, WhatWouldLeaveWithTheTurnComesBeforeTheEnd) {
  for (auto& party : parties_) {
    party->on_read = [&party] {
      party->write("response");
      EXPECT_EQ(party->transport->take_unsent(), "");
      party->transport->shutdown_write();
    };
  }
  say_to_all("x");
  turn();
  for (auto& party : parties_) {
    EXPECT_EQ(party->peer_got(), "response");
    EXPECT_TRUE(party->peer_ended);
  }
}

}  // namespace
}  // namespace apisix::net
