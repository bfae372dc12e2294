#include "worker/proxy/websocket_frames.h"

#include <string>

#include <gtest/gtest.h>

namespace apisix::proxy {
namespace {

std::string frame(std::uint64_t payload_bytes, bool masked) {
  std::string out = "\x82";
  const char mask_bit = masked ? '\x80' : '\0';
  int length_bytes = 0;
  if (payload_bytes < 126) {
    out += static_cast<char>(mask_bit | static_cast<char>(payload_bytes));
  } else if (payload_bytes <= 0xffff) {
    out += static_cast<char>(mask_bit | 126);
    length_bytes = 2;
  } else {
    out += static_cast<char>(mask_bit | 127);
    length_bytes = 8;
  }
  for (int i = length_bytes - 1; i >= 0; --i) out += static_cast<char>(payload_bytes >> (8 * i));
  if (masked) out += "mask";
  out.append(payload_bytes, '\x88');  // looks like the beginning of a frame
  return out;
}

TEST(FrameTracker, KnowsTheEndOfEveryFrameHoweverItArrives) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
    for (const bool masked : {false, true}) {
      FrameTracker tracker;
      for (const std::uint64_t payload : {0, 1, 125, 126, 127, 65535, 65536, 70000}) {
        const std::string bytes = frame(payload, masked);
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
          EXPECT_EQ(tracker.is_between_frames(), at == 0) << payload << " at " << at;
          tracker.feed(std::string_view(bytes).substr(at, piece));
        }
        EXPECT_TRUE(tracker.is_between_frames()) << payload;
      }
    }
  }
}

TEST(FrameTracker, SeveralFramesAtOnce) {
  FrameTracker tracker;
  const std::string three = frame(5, true) + frame(300, true) + frame(0, true);
  tracker.feed(three);
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed(three + "\x81");
  EXPECT_FALSE(tracker.is_between_frames());
}

TEST(FrameTracker, OurGoodbyesAreFramesThemselves) {
  FrameTracker tracker;
  tracker.feed(kGoingAwayToClient);
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed(kGoingAwayToServer);
  EXPECT_TRUE(tracker.is_between_frames());
}

// RFC 6455 5.2: a length of 126 or 127 is followed by one of 2 or 8 bytes, even when it would have fitted.
TEST(FrameTracker, LengthsInMoreBytesThanTheyNeedAreRead) {
  FrameTracker tracker;
  tracker.feed(std::string_view("\x82\x7e\0\x01x", 5));
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed(std::string_view("\x82\x7f\0\0\0\0\0\0\0\x01x", 11));
  EXPECT_TRUE(tracker.is_between_frames());
}

TEST(FrameTracker, AnEmptyFrameEndsWithItsHeader) {
  FrameTracker tracker;
  tracker.feed("\x89");
  EXPECT_FALSE(tracker.is_between_frames());
  tracker.feed(std::string_view("\0", 1));
  EXPECT_TRUE(tracker.is_between_frames());
}

// RFC 6455 5.3: the mask stands behind the length, even of a frame without payload.
TEST(FrameTracker, AMaskedEmptyFrameEndsWithItsMask) {
  FrameTracker tracker;
  tracker.feed("\x89\x80mas");
  EXPECT_FALSE(tracker.is_between_frames());
  tracker.feed("k");
  EXPECT_TRUE(tracker.is_between_frames());
}

// RFC 6455 5.5: control frames may stand between the fragments of a message; the message does not count.
TEST(FrameTracker, BetweenFragmentsIsBetweenFrames) {
  FrameTracker tracker;
  tracker.feed("\x01\x03mes");  // a fragment that is not the last
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed("\x89\x01p");
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed("\x80\x03sag");
  EXPECT_TRUE(tracker.is_between_frames());
}

TEST(FrameTracker, ALengthOf63BitsIsNotTakenForTheEnd) {
  FrameTracker tracker;
  tracker.feed("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff");
  tracker.feed(std::string(100'000, 'x'));
  EXPECT_FALSE(tracker.is_between_frames());
}

TEST(FrameTracker, NoBytesChangeNothing) {
  FrameTracker tracker;
  tracker.feed("");
  EXPECT_TRUE(tracker.is_between_frames());
  tracker.feed("\x82\x05he");
  tracker.feed("");
  EXPECT_FALSE(tracker.is_between_frames());
}

TEST(FrameTracker, TheRestOfAFrameEndsInFrontOfTheNext) {
  FrameTracker tracker;
  EXPECT_EQ(tracker.feed_rest_of_frame("\x82\x05hello"), 0u);  // none has begun
  for (const std::string& bytes : {frame(5, true), frame(300, false), frame(70'000, true)}) {
    for (const std::size_t begun : {std::size_t{1}, std::size_t{3}, bytes.size() - 1}) {
      tracker.feed(bytes.substr(0, begun));
      const std::string rest = bytes.substr(begun);
      EXPECT_EQ(tracker.feed_rest_of_frame(rest.substr(0, rest.size() - 1)), rest.size() - 1);
      EXPECT_EQ(tracker.feed_rest_of_frame(rest.substr(rest.size() - 1) + frame(1, true)), 1u);
      EXPECT_TRUE(tracker.is_between_frames());
    }
  }
}

// RFC 6455 5.5.1
TEST(FrameTracker, ACloseFrameIsTheLastOne) {
  FrameTracker tracker;
  EXPECT_FALSE(tracker.is_closed());
  tracker.feed("\x89\x01p");
  EXPECT_FALSE(tracker.is_closed());
  tracker.feed("\x88\x02\x03");
  EXPECT_FALSE(tracker.is_closed());
  tracker.feed("\xe8");
  EXPECT_TRUE(tracker.is_closed());
}

// RFC 6455 5.5.1 and 7.4.1: close frames with status 1001; a client's is masked (5.1), the server's is not.
TEST(CloseFrames, SayThatTheEndpointLeaves) {
  const auto status_at = [](std::string_view frame, std::size_t at) {
    return static_cast<unsigned char>(frame[at]) << 8 | static_cast<unsigned char>(frame[at + 1]);
  };
  EXPECT_EQ(kGoingAwayToClient.substr(0, 2), "\x88\x02");
  EXPECT_EQ(status_at(kGoingAwayToClient, 2), 1001);
  EXPECT_EQ(kGoingAwayToServer.substr(0, 2), "\x88\x82");
  EXPECT_EQ(kGoingAwayToServer.substr(2, 4), std::string_view("\0\0\0\0", 4));
  EXPECT_EQ(status_at(kGoingAwayToServer, 6), 1001);
}

}  // namespace
}  // namespace apisix::proxy
