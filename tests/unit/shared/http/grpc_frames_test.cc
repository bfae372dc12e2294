#include "shared/http/grpc_frames.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace apisix::http {
namespace {

using Event = GrpcFrameReader::Event;

std::string frame(std::string_view message, std::uint8_t flags = 0) {
  const auto head = grpc_frame_head(flags, static_cast<std::uint32_t>(message.size()));
  return std::string(head.data(), head.size()).append(message);
}

// Each message as "FLAGS:TEXT", "!" when it is too long, "~" when the body ends within one.
std::string read(std::string_view body, std::size_t step, std::size_t bytes_max = 1000) {
  GrpcFrameReader reader(bytes_max);
  std::string out;
  for (; !body.empty(); body.remove_prefix(std::min(step, body.size()))) {
    std::string_view data = body.substr(0, step);
    std::string_view piece;
    for (Event event = reader.next(data, piece); event != Event::kMore; event = reader.next(data, piece)) {
      if (event == Event::kTooLong) return out + "!";
      if (event == Event::kHead) out += std::to_string(reader.flags()) + ":";
      if (event == Event::kEnd) out += " ";
      out += piece;
    }
    EXPECT_TRUE(data.empty());
  }
  return reader.is_between() ? out : out + "~";
}

TEST(GrpcFrames, HeadHasFlagsAndLength) {
  const auto head = grpc_frame_head(kGrpcTrailers, 0x01020304);
  EXPECT_EQ(std::string_view(head.data(), head.size()), "\x80\x01\x02\x03\x04");
}

TEST(GrpcFrames, WhereverThePiecesAreCut) {
  const std::string body = frame("hello") + frame("") + frame("again!", 1) + frame("grpc-status:0", 0x80);
  for (std::size_t step = 1; step <= body.size(); ++step) {
    EXPECT_EQ(read(body, step), "0:hello 0: 1:again! 128:grpc-status:0 ") << step;
  }
}

TEST(GrpcFrames, BodyThatEndsWithinAMessage) {
  const std::string body = frame("hello");
  for (std::size_t size = 1; size < body.size(); ++size)
    EXPECT_TRUE(read(body.substr(0, size), 3).ends_with("~"));
}

TEST(GrpcFrames, MessageThatIsTooLong) {
  EXPECT_EQ(read(frame("12345"), 4, 5), "0:12345 ");
  EXPECT_EQ(read(frame("a") + frame("123456"), 4, 5), "0:a !");
  EXPECT_EQ(read(std::string("\0\xff\xff\xff\xff", 5), 9), "!");
}

}  // namespace
}  // namespace apisix::http
