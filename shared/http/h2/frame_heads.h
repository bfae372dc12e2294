// FrameHeads: walks over the frames that a client sends, in whatever pieces they come, and stops at those of
// which nghttp2 may say nothing: DATA and PRIORITY. Owned by the server's Engine of the connection. It copies
// a head at most and looks at no payload but PRIORITY's.
//
//   preface --> head --> payload --> head ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shared/http/h2/frame.h"

namespace apisix::h2 {

class FrameHeads {
 public:
  struct Step {
    std::size_t bytes = 0;  // of what was offered; all of it, if it stopped at nothing
    bool is_stop = false;   // they complete a head of DATA, or one of PRIORITY with what it depends on
    FrameType type = FrameType::kOther;
    StreamId id = 0;
    std::uint32_t payload_bytes = 0;
    StreamId depends_on = 0;  // 0 in a PRIORITY that is too short to say it, too
  };
  // `bytes` follow those that the last step took.
  Step next(std::string_view bytes);

 private:
  static constexpr std::size_t kHeadBytes = 9;
  static constexpr std::size_t kDependencyBytes = 4;
  static constexpr std::uint32_t kPrefaceBytes = 24;  // RFC 9113 3.4; nghttp2 compares it

  std::uint32_t number_at(std::size_t at) const;
  void stop(Step& step);

  std::array<unsigned char, kHeadBytes + kDependencyBytes> head_{};
  std::uint8_t filled_ = 0;             // of head_
  std::uint8_t wanted_ = kHeadBytes;    // of head_
  std::uint32_t skip_ = kPrefaceBytes;  // bytes in front of the next head
};

}  // namespace apisix::h2
