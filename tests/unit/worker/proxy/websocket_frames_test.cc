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

}  // namespace
}  // namespace apisix::proxy
