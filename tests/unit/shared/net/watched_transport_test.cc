// Reads and writes of many transports in one turn of a loop, with turn batches: order, short sends, stopped
// reading, and connections that end while something is received or queued for them.
#include "shared/net/watched_transport.h"

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/base/clock.h"
#include "shared/event/loop.h"
#include "shared/event/timer_wheel.h"
#include "shared/net/buffer_chain.h"
#include "tests/unit/shared/net/socket_pair.h"

namespace apisix::net {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// A connection as those of the data path: it reads once for each event, and keeps what was not sent.
class Party {
 public:
  Party(event::Loop& loop, std::size_t room = 65536, bool is_alone = false) : loop_(loop), scratch_(room) {
    SocketPair pair;
    peer = std::move(pair.b);
    transport = std::make_unique<WatchedTransport>(
        loop, std::move(pair.a),
        [](void* self, bool readable, bool writable) {
          static_cast<Party*>(self)->on_event(readable, writable);
        },
        this);
    is_alone ? transport->start_alone(/*read=*/true) : transport->start(/*read=*/true, /*write=*/false);
  }
  ~Party() {
    if (transport) transport->close();
  }

  void say(std::string_view text) const {  // from the other side
    ASSERT_EQ(::send(peer.fd(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string peer_got() { return all_ += read_all(peer.fd()); }

  // As ClientConnection::write().
  void write(std::string_view text) {
    const iovec one = piece(text);
    std::size_t sent = 0;
    if (output.empty()) {
      const IoResult result = transport->write({&one, 1}, &Party::on_unsent);
      failed |= result.kind == IoResult::Kind::kError;
      sent = result.bytes;
    }
    output.append_rest({&one, 1}, sent);
    if (!output.empty()) transport->want_write(true);
  }
  // Its socket takes little at once.
  void narrow() const {
    const int bytes = 4096;
    ::setsockopt(transport->fd(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }
  // Nothing more goes into the socket.
  std::string fill() const {
    std::string filled;
    const std::string part(512, '.');
    for (;;) {
      const ssize_t sent = ::send(transport->fd(), part.data(), part.size(), MSG_DONTWAIT);
      if (sent <= 0) return filled;
      filled += part.substr(0, static_cast<std::size_t>(sent));
    }
  }

  std::unique_ptr<WatchedTransport> transport;
  Socket peer;
  BufferChain output;
  std::string got;
  std::function<void()> on_read = [] {};
  std::vector<int> errors;  // of sends
  int reads = 0;
  bool reads_at_all = true;
  bool ended = false;
  bool broke = false;
  bool failed = false;
  bool was_batched = false;

 private:
  void on_event(bool readable, bool writable) {
    if (writable) flush();
    if (!readable || !reads_at_all) return;
    was_batched = loop_.batch().collects_sends();
    ++reads;
    const IoResult result = transport->read(scratch_);
    ended |= result.kind == IoResult::Kind::kClosed;
    broke |= result.kind == IoResult::Kind::kError;
    got.append(scratch_.data(), result.bytes);
    on_read();
  }
  static void on_unsent(void* self, std::string_view rest, int error_number) {
    auto& party = *static_cast<Party*>(self);
    party.errors.push_back(error_number);
    if (error_number != 0) return;
    party.output.prepend(rest);
    party.transport->want_write(true);
  }
  void flush() {
    std::array<iovec, 16> pieces;
    while (!output.empty()) {
      const std::size_t count = output.front(pieces);
      const IoResult result = transport->write({pieces.data(), count}, &Party::on_unsent);
      if (!result.done()) return;
      output.consume(result.bytes);
    }
    transport->want_write(false);
  }

  event::Loop& loop_;
  std::vector<char> scratch_;
  std::string all_;
};

class WatchedTransportTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const int why = loop_.batch().open(); why != 0) GTEST_SKIP() << "no io_uring: " << std::strerror(why);
    make(8);
  }
  void make(std::size_t count) {
    parties_.clear();
    for (std::size_t i = 0; i < count; ++i) parties_.push_back(std::make_unique<Party>(loop_));
  }
  void make_alone(std::size_t count) {
    parties_.clear();
    for (std::size_t i = 0; i < count; ++i)
      parties_.push_back(std::make_unique<Party>(loop_, 65536, /*is_alone=*/true));
  }
  Party& operator[](std::size_t i) { return *parties_[i]; }
  void say_to_all(std::string_view text) {
    for (auto& party : parties_) party->say(text);
  }
  void say_to_all_but(std::size_t left_out, std::string_view text) {
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      if (i != left_out) parties_[i]->say(text);
    }
  }
  void turn() { loop_.run_once(1); }
  template <typename Condition>
  bool turn_until(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) turn();
    return condition();
  }
  std::vector<std::string> got() {
    std::vector<std::string> out;
    for (auto& party : parties_) out.push_back(party->got);
    return out;
  }

  event::Loop loop_;
  std::vector<std::unique_ptr<Party>> parties_;
};

TEST_F(WatchedTransportTest, ReadableTogetherAreReceivedTogether) {
  for (std::size_t i = 0; i < 8; ++i) (*this)[i].say(std::to_string(i));
  turn();
  EXPECT_THAT(got(), ElementsAre("0", "1", "2", "3", "4", "5", "6", "7"));
  for (auto& party : parties_) {
    EXPECT_TRUE(party->was_batched);
    EXPECT_EQ(party->reads, 1);
  }
  EXPECT_FALSE(loop_.batch().collects_sends());
}

TEST_F(WatchedTransportTest, FewAreReadOneByOne) {
  make(event::TurnBatch::kCallsMin - 1);
  say_to_all("x");
  turn();
  EXPECT_THAT(got(), Each("x"));
  for (auto& party : parties_) EXPECT_FALSE(party->was_batched);
}

TEST_F(WatchedTransportTest, MoreThanOneBatchInATurn) {
  make(600);
  for (auto& party : parties_) {
    party->on_read = [&party] { party->write("re: " + party->got); };
  }
  say_to_all("hello");
  EXPECT_TRUE(turn_until([this] { return parties_.back()->got == "hello"; }));
  for (auto& party : parties_) EXPECT_EQ(party->peer_got(), "re: hello");
}

TEST_F(WatchedTransportTest, EndAndResetOfThePeerAreDelivered) {
  say_to_all("x");
  (*this)[1].peer.close();
  turn();
  EXPECT_EQ((*this)[1].got, "x");
  say_to_all_but(1, "y");
  turn();
  EXPECT_TRUE((*this)[1].ended);
  EXPECT_EQ((*this)[2].got, "xy");
}

TEST_F(WatchedTransportTest, MoreThanASlotIsReadWholeAndThenPlainly) {
  const std::string much(3 * event::TurnBatch::kSlotBytes, 'm');
  say_to_all(much);
  turn();
  EXPECT_THAT(got(), Each(much));
  for (auto& party : parties_) EXPECT_EQ(party->reads, 1) << "a short read means that the socket is empty";
  say_to_all("x");
  turn();
  EXPECT_THAT(got(), Each(much + "x"));
  for (auto& party : parties_) EXPECT_FALSE(party->was_batched);
  for (int i = 0; i < event::TurnBatch::kPlainReads; ++i) {
    say_to_all("x");
    turn();
  }
  for (auto& party : parties_) EXPECT_TRUE(party->was_batched) << "it sends little again";
}

// Else what a connection's end delimits would pass as whole.
TEST_F(WatchedTransportTest, ErrorBehindAFullSlotIsDelivered) {
  const std::string slot(event::TurnBatch::kSlotBytes, 's');
  (*this)[3].write("unread");  // its peer's close is a reset therefore
  say_to_all_but(3, "x");
  (*this)[3].say(slot);
  (*this)[3].peer.close();
  turn();
  EXPECT_TRUE((*this)[2].was_batched);
  EXPECT_EQ((*this)[3].got, slot);
  EXPECT_TRUE((*this)[3].transport->has_pending());
  EXPECT_TRUE(turn_until([this] { return (*this)[3].broke || (*this)[3].ended; }));
  EXPECT_TRUE((*this)[3].broke);
  EXPECT_FALSE((*this)[3].ended);
}

TEST_F(WatchedTransportTest, HeldBytesComeAtTheTimeOfTheirTurn) {
  parties_[3] = std::make_unique<Party>(loop_, 3);
  std::uint64_t seen_ms = 0;
  (*this)[3].on_read = [&] { seen_ms = loop_.clock().monotonic_ms(); };
  say_to_all("0123456789");
  turn();
  for (const std::uint64_t begin_us = base::monotonic_now_us(); base::monotonic_now_us() < begin_us + 5000;) {
  }
  turn();
  EXPECT_EQ((*this)[3].reads, 2);
  EXPECT_EQ(seen_ms, loop_.clock().monotonic_ms());
}

TEST_F(WatchedTransportTest, ReaderWithLittleRoomGetsTheRestByAnotherEvent) {
  parties_[3] = std::make_unique<Party>(loop_, 3);
  say_to_all("0123456789");
  turn();
  EXPECT_EQ((*this)[3].got, "012");
  EXPECT_TRUE((*this)[3].transport->has_pending());
  (*this)[3].say("abc");
  EXPECT_TRUE(turn_until([this] { return (*this)[3].got.size() == 13; }));
  EXPECT_EQ((*this)[3].got, "0123456789abc");
  EXPECT_FALSE((*this)[3].transport->has_pending());
}

// --- what an earlier callback of the turn does to a later one

TEST_F(WatchedTransportTest, ReadingThatStopsInTheTurnKeepsWhatWasReceived) {
  (*this)[0].on_read = [this] { (*this)[5].transport->want_read(false); };
  say_to_all("x");
  turn();
  EXPECT_EQ((*this)[5].got, "");
  EXPECT_TRUE((*this)[5].transport->has_pending());
  (*this)[0].on_read = [] {};
  say_to_all("y");
  turn();
  EXPECT_EQ((*this)[5].got, "") << "it did not begin to read again";
  (*this)[5].transport->want_read(true);
  EXPECT_TRUE(turn_until([this] { return (*this)[5].got.size() == 2; }));
  EXPECT_EQ((*this)[5].got, "xy");
}

TEST_F(WatchedTransportTest, EndThatWasReceivedIsKeptToo) {
  (*this)[0].on_read = [this] { (*this)[5].transport->want_read(false); };
  for (std::size_t i = 0; i < 5; ++i) (*this)[i].say("x");
  (*this)[5].peer.close();
  turn();
  EXPECT_FALSE((*this)[5].ended);
  (*this)[5].transport->want_read(true);
  EXPECT_TRUE(turn_until([this] { return (*this)[5].ended; }));
}

TEST_F(WatchedTransportTest, UntakenBytesAreOfferedAgain) {
  (*this)[5].reads_at_all = false;
  say_to_all("x");
  turn();
  turn();
  (*this)[5].reads_at_all = true;
  EXPECT_TRUE(turn_until([this] { return (*this)[5].got == "x"; }));
}

TEST_F(WatchedTransportTest, ClosedInTheTurnIsNotCalledBack) {
  (*this)[0].on_read = [this] { (*this)[5].transport->close(); };
  say_to_all("x");
  turn();
  EXPECT_EQ((*this)[5].got, "");
  EXPECT_EQ((*this)[6].got, "x");
}

// The memory, and the descriptor, are those of the one that was closed.
TEST_F(WatchedTransportTest, SuccessorInItsPlaceGetsNothingOfIt) {
  const void* const place = parties_[5].get();
  const void* next_place = nullptr;
  (*this)[0].on_read = [&] {
    const int fd = (*this)[5].transport->fd();
    parties_[5].reset();
    parties_[5] = std::make_unique<Party>(loop_);
    next_place = parties_[5].get();
    EXPECT_EQ((*this)[5].transport->fd(), fd);
  };
  say_to_all("of the old one");
  turn();
  (*this)[0].on_read = [] {};
  turn();
  EXPECT_EQ((*this)[5].got, "") << (place == next_place ? "in the same memory" : "");
  (*this)[5].say("mine");
  EXPECT_TRUE(turn_until([this] { return (*this)[5].got == "mine"; }));
}

TEST_F(WatchedTransportTest, FreedWithHeldBytesLeavesNothing) {
  (*this)[0].on_read = [this] { (*this)[5].transport->want_read(false); };
  say_to_all("x");
  turn();
  parties_.erase(parties_.begin() + 5);
  (*this)[0].on_read = [] {};
  say_to_all("y");
  turn();
  EXPECT_THAT(got(), Each("xy"));
}

TEST_F(WatchedTransportTest, BytesComeBeforeATimeoutOfTheSameTurn) {
  std::string order;
  struct Deadline {
    std::string* order;
    static void on_due(void* self) { *static_cast<Deadline*>(self)->order += "timeout"; }
  } deadline{&order};
  event::Timer timer(loop_.timers(), &Deadline::on_due, &deadline);
  timer.set_after_ms(1000);
  (*this)[7].on_read = [&order] { order += "bytes "; };
  say_to_all("x");
  loop_.skip_ms(2000);
  turn();
  EXPECT_EQ(order, "bytes timeout");
}

// --- writes

TEST_F(WatchedTransportTest, WritesOfATurnLeaveBeforeItEnds) {
  for (auto& party : parties_) {
    party->on_read = [&party] {
      party->write("one ");
      EXPECT_EQ(party->peer_got(), "") << "it waits for the others";
      party->write("two");
    };
  }
  say_to_all("x");
  turn();
  for (auto& party : parties_) {
    EXPECT_EQ(party->peer_got(), "one two");
    EXPECT_TRUE(party->output.empty());
  }
}

// As connections over TLS are: each reads and writes its socket itself.
TEST_F(WatchedTransportTest, WhatThoseAloneSendToOthersLeavesWithTheTurn) {
  make_alone(event::TurnBatch::kCallsMin);
  Party node(loop_);
  for (auto& party : parties_) {
    party->on_read = [&] {
      party->write("own");
      EXPECT_EQ(party->peer_got(), "own") << "at once";
      node.write("x");
      EXPECT_EQ(node.peer_got(), "") << "it waits for the others";
    };
  }
  say_to_all("hello");
  turn();
  EXPECT_THAT(got(), Each("hello"));
  EXPECT_EQ(node.peer_got(), std::string(event::TurnBatch::kCallsMin, 'x'));
  EXPECT_FALSE(loop_.batch().collects_sends());
}

TEST_F(WatchedTransportTest, WhatFewAloneSendLeavesAtOnce) {
  make_alone(event::TurnBatch::kCallsMin - 1);
  Party node(loop_);
  std::size_t written = 0;
  for (auto& party : parties_) {
    party->on_read = [&] {
      node.write("x");
      EXPECT_EQ(node.peer_got(), std::string(++written, 'x'));
    };
  }
  say_to_all("hello");
  turn();
  EXPECT_EQ(written, event::TurnBatch::kCallsMin - 1);
}

TEST_F(WatchedTransportTest, AloneAmongOthersReadsInTheirOrderAndByItself) {
  parties_.push_back(std::make_unique<Party>(loop_, 65536, /*is_alone=*/true));
  std::string order;
  for (std::size_t i = 0; i < parties_.size(); ++i)
    parties_[i]->on_read = [&order, i] { order += std::to_string(i); };
  parties_.back()->say("first");
  for (std::size_t i = 0; i < 8; ++i) (*this)[i].say("x");
  turn();
  EXPECT_EQ(order, "801234567");
  EXPECT_EQ(parties_.back()->got, "first");
}

TEST_F(WatchedTransportTest, AloneThatStopsReadingOrEndsInTheTurnIsNotCalledBack) {
  make_alone(event::TurnBatch::kCallsMin);
  (*this)[0].on_read = [this] {
    (*this)[1].transport->want_read(false);
    (*this)[2].transport->close();
  };
  say_to_all("x");
  turn();
  EXPECT_THAT(got(), ElementsAre("x", "", "", "x", "x"));
  (*this)[1].transport->want_read(true);
  EXPECT_TRUE(turn_until([this] { return (*this)[1].got == "x"; }));
}

TEST_F(WatchedTransportTest, WritesToOneSocketKeepTheirOrder) {
  const std::string large(3 * event::TurnBatch::kSendBytesMax, 'L');
  (*this)[0].on_read = [&] {
    (*this)[0].write("a");
    (*this)[1].write("1");
    (*this)[0].write("b");  // between them another's
    (*this)[1].write("2");
    (*this)[1].write(large);
    (*this)[1].write("3");
  };
  (*this)[1].on_read = [this] { (*this)[0].write("c"); };
  say_to_all("x");
  turn();
  EXPECT_EQ((*this)[0].peer_got(), "abc");
  EXPECT_EQ((*this)[1].peer_got(), "12" + large + "3");
}

TEST_F(WatchedTransportTest, MoreThanTheSendBufferIsSentAllTheSame) {
  const std::string part(event::TurnBatch::kSendBytesMax, 'p');
  (*this)[0].on_read = [&] {
    for (std::size_t i = 0; i < 20; ++i) {
      for (auto& party : parties_) party->write(part);
    }
  };
  say_to_all("x");
  turn();
  for (auto& party : parties_) {
    EXPECT_TRUE(turn_until([&] { return party->peer_got().size() == 20 * part.size(); }));
  }
}

TEST_F(WatchedTransportTest, ShortSendComesBackAndKeepsItsPlace) {
  Party& slow = (*this)[4];
  slow.narrow();
  const std::string before = slow.fill();
  std::string expected = before;
  for (auto& party : parties_) {
    party->on_read = [&party] { party->write("first "); };
  }
  say_to_all("x");
  turn();
  EXPECT_THAT(slow.errors, ElementsAre(0));
  EXPECT_EQ(slow.output.bytes(), 6u) << "what its user counts as not sent";
  EXPECT_TRUE(slow.transport->wants_write());
  for (auto& party : parties_) {
    party->on_read = [&party] { party->write("second"); };
  }
  say_to_all("x");
  turn();
  EXPECT_TRUE(turn_until([&] { return slow.peer_got().size() == before.size() + 12; }));
  EXPECT_EQ(slow.peer_got(), before + "first second");
  EXPECT_EQ((*this)[3].peer_got(), "first second");
}

TEST_F(WatchedTransportTest, PartOfASendComesBack) {
  Party& slow = (*this)[4];
  slow.narrow();
  std::string expected;
  for (int i = 0; i < 40 && slow.output.empty(); ++i) {
    const std::string part(event::TurnBatch::kSendBytesMax, static_cast<char>('a' + i % 26));
    expected += part + "tail";
    for (auto& party : parties_) {
      party->on_read = [&party, &part] {
        party->write(part);
        party->write("tail");
      };
    }
    say_to_all("x");
    turn();
  }
  ASSERT_FALSE(slow.output.empty());
  EXPECT_TRUE(turn_until([&] { return slow.peer_got().size() == expected.size(); }));
  EXPECT_EQ(slow.peer_got(), expected);
}

TEST_F(WatchedTransportTest, WriteBehindASendThatFellShortWaits) {
  Party& slow = (*this)[4];
  slow.narrow();
  const std::string before = slow.fill();
  for (auto& party : parties_) {
    party->on_read = [this, &party] {
      party->write("first ");
      (*this)[4].write("more ");
    };
  }
  say_to_all("x");
  turn();
  const std::size_t bytes = before.size() + 6 + 8 * 5;
  EXPECT_TRUE(turn_until([&] { return slow.peer_got().size() == bytes; }));
  EXPECT_EQ(slow.peer_got(), before + "more more more more first more more more more ")
      << "the order in which they were written";
}

TEST_F(WatchedTransportTest, BrokenSocketIsSaidByItsErrorNumber) {
  Party& gone = (*this)[4];
  gone.reads_at_all = false;
  gone.transport->want_read(false);
  gone.peer.close();
  (*this)[0].on_read = [&gone] { gone.write("x"); };
  say_to_all_but(4, "x");
  for (std::size_t i = 1; i < 8; ++i) {
    if (i != 4) (*this)[i].on_read = [this, i] { (*this)[i].write("y"); };
  }
  turn();
  EXPECT_THAT(gone.errors, ElementsAre(EPIPE));
  EXPECT_EQ((*this)[7].peer_got(), "y");
}

TEST_F(WatchedTransportTest, CloseAndShutdownSendWhatIsQueuedFirst) {
  (*this)[0].on_read = [this] {
    (*this)[0].write("closed");
    (*this)[0].transport->close();
  };
  (*this)[1].on_read = [this] {
    (*this)[1].write("shut down");
    (*this)[1].transport->shutdown_write();
  };
  say_to_all("x");
  turn();
  EXPECT_EQ((*this)[0].peer_got(), "closed");
  EXPECT_EQ((*this)[1].peer_got(), "shut down");
  std::array<char, 1> byte;
  EXPECT_EQ(read_some((*this)[1].peer.fd(), byte).kind, IoResult::Kind::kClosed);
}

TEST_F(WatchedTransportTest, FreedWithAWriteInTheTurnLeavesNothing) {
  (*this)[0].on_read = [this] {
    (*this)[5].write("x");
    parties_[5].reset();
    parties_[5] = std::make_unique<Party>(loop_);
    (*this)[5].write("y");
  };
  say_to_all("x");
  turn();
  EXPECT_EQ((*this)[5].peer_got(), "y");
}

// --- the ring is this process's alone

TEST_F(WatchedTransportTest, RingIsClosedByExec) {
  int rings = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    const auto target = std::filesystem::read_symlink(entry, ignored);
    if (target != "anon_inode:[io_uring]") continue;
    ++rings;
    const int fd = std::stoi(entry.path().filename());
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_EQ(rings, 1);
}

}  // namespace
}  // namespace apisix::net
