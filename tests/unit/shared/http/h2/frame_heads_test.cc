#include "shared/http/h2/frame_heads.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace apisix::h2 {
namespace {

using testing::ElementsAre;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string number(std::uint32_t value, int bytes) {
  std::string out;
  while (bytes-- > 0) out.push_back(static_cast<char>(value >> 8 * bytes));
  return out;
}

std::string frame(FrameType type, std::uint32_t id, std::string_view payload) {
  return number(static_cast<std::uint32_t>(payload.size()), 3) + number(static_cast<std::uint32_t>(type), 1) +
         number(0, 1) + number(id, 4) + std::string(payload);
}

// "TYPE ID SIZE DEPENDS_ON @ bytes in front of it and of its head", when `bytes` come in pieces of `size`.
std::vector<std::string> stops(std::string_view bytes, std::size_t size) {
  FrameHeads heads;
  std::vector<std::string> out;
  std::size_t walked = 0;
  while (walked < bytes.size()) {
    std::string_view piece = bytes.substr(walked, size);
    while (!piece.empty()) {
      const FrameHeads::Step step = heads.next(piece);
      walked += step.bytes;
      piece.remove_prefix(step.bytes);
      EXPECT_TRUE(step.is_stop || piece.empty());
      if (!step.is_stop) continue;
      out.push_back(std::to_string(static_cast<int>(step.type)) + " " + std::to_string(step.id) + " " +
                    std::to_string(step.payload_bytes) + " " + std::to_string(step.depends_on) + " @" +
                    std::to_string(walked));
    }
  }
  return out;
}

TEST(FrameHeadsTest, StopsAtDataAndPriorityInWhateverPiecesTheyCome) {
  const std::string bytes = std::string(kPreface) + frame(FrameType::kSettings, 0, "123456") +
                            frame(FrameType::kHeaders, 1, "abc") + frame(FrameType::kData, 1, "") +
                            frame(FrameType::kPriority, 5, number(0x80000005, 4) + "w") +
                            frame(FrameType::kData, 0x80000003, std::string(20'000, 'x')) +
                            frame(FrameType::kPing, 0, "12345678") + frame(FrameType::kPriority, 7, "abc") +
                            frame(FrameType::kPriority, 9, number(0, 4) + std::string(100, 'w')) +
                            frame(static_cast<FrameType>(200), 1, "?") + frame(FrameType::kData, 1, "y");
  const std::vector<std::string> whole = stops(bytes, bytes.size());
  EXPECT_THAT(whole, ElementsAre("0 1 0 0 @60", "2 5 5 5 @73", "0 3 20000 0 @83", "2 7 3 0 @20109",
                                 "2 9 104 0 @20125", "0 1 1 0 @20244"));
  for (const std::size_t size : {1, 2, 3, 5, 8, 9, 10, 13, 24, 25, 4096}) {
    EXPECT_EQ(stops(bytes, size), whole) << size;
  }
}

TEST(FrameHeadsTest, TheLargestLengthIsWalkedOver) {
  const std::string head = std::string("\xff\xff\xff", 3) + '\1' + '\0' + number(1, 4);
  FrameHeads heads;
  const std::string bytes =
      std::string(kPreface) + head + std::string(0xffffff, 'x') + frame(FrameType::kData, 3, "");
  const FrameHeads::Step step = heads.next(bytes);
  EXPECT_TRUE(step.is_stop);
  EXPECT_EQ(step.id, 3);
  EXPECT_EQ(step.bytes, bytes.size());
}

}  // namespace
}  // namespace apisix::h2
