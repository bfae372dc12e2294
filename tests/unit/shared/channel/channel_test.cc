#include "shared/channel/channel.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "shared/event/loop.h"

namespace apisix::channel {
namespace {

class ChannelTest : public ::testing::Test {
 protected:
  void listen(End& end) {
    end.start(loop, [this](const Message& message) { received.push_back(message); }, [this] { ++closed; });
  }
  void turn() { loop.run_once(50); }

  event::Loop loop;
  Pair pair = std::move(*make_channel());
  std::vector<Message> received;
  int closed = 0;
};

TEST_F(ChannelTest, MessagesArriveWholeAndInOrder) {
  listen(pair.master);
  ASSERT_TRUE(pair.child.send(MessageKind::kFailed, "no such file"));
  ASSERT_TRUE(pair.child.send(MessageKind::kReady));
  while (received.size() < 2) turn();
  EXPECT_EQ(received[0].kind, MessageKind::kFailed);
  EXPECT_EQ(received[0].text, "no such file");
  EXPECT_EQ(received[1].kind, MessageKind::kReady);
  EXPECT_EQ(received[1].text, "");
  EXPECT_EQ(closed, 0);
}

TEST_F(ChannelTest, TellsOnceThatTheOtherSideIsGoneAfterItsLastWords) {
  listen(pair.master);
  ASSERT_TRUE(pair.child.send(MessageKind::kFailed, "bye"));
  pair.child.close();
  while (closed == 0) turn();
  turn();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(closed, 1);
  const auto sent = pair.master.send(MessageKind::kQuit);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, base::ErrorCode::kClosed);
}

TEST_F(ChannelTest, FullQueueIsAnErrorAndNeverBlocks) {
  base::Status sent;
  int count = 0;
  while (sent && count < 100'000) {
    sent = pair.master.send(MessageKind::kReopenLogs);
    ++count;
  }
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, base::ErrorCode::kUnavailable);
}

TEST_F(ChannelTest, LongTextIsCut) {
  listen(pair.master);
  ASSERT_TRUE(pair.child.send(MessageKind::kFailed, std::string(End::kTextBytesMax + 500, 'x')));
  while (received.empty()) turn();
  EXPECT_EQ(received[0].text, std::string(End::kTextBytesMax, 'x'));
}

TEST_F(ChannelTest, UnknownKindIsSkipped) {
  listen(pair.master);
  const char junk[] = {'\x7f', 'a', 'b'};
  ASSERT_EQ(::send(pair.child.fd(), junk, sizeof junk, 0), 3);
  ASSERT_TRUE(pair.child.send(MessageKind::kReady));
  while (received.empty()) turn();
  EXPECT_EQ(received[0].kind, MessageKind::kReady);
}

TEST_F(ChannelTest, CallbackMayDestroyItsOwnEnd) {
  std::optional<End> end = std::move(pair.child);
  end->start(loop, [&](const Message&) { end.reset(); }, [this] { ++closed; });
  ASSERT_TRUE(pair.master.send(MessageKind::kStop));
  ASSERT_TRUE(pair.master.send(MessageKind::kStop));
  while (end) turn();
  turn();
  EXPECT_EQ(closed, 0);
}

TEST_F(ChannelTest, LastWordsOfTheDeadCanBeTakenWithoutTheLoop) {
  ASSERT_TRUE(pair.child.send(MessageKind::kFailed, "no memory"));
  pair.child.close();
  const auto message = pair.master.receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->text, "no memory");
  EXPECT_FALSE(pair.master.receive());
}

TEST_F(ChannelTest, MovedEndKeepsListening) {
  listen(pair.master);
  End moved = std::move(pair.master);
  ASSERT_TRUE(pair.child.send(MessageKind::kReady));
  while (received.empty()) turn();
  EXPECT_EQ(received[0].kind, MessageKind::kReady);
}

}  // namespace
}  // namespace apisix::channel
