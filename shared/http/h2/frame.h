// What a frame's head says, by the numbers on the wire (RFC 9113 4.1, 6).
#pragma once

#include <cstdint>

namespace apisix::h2 {

using StreamId = std::int32_t;

// kOther: an extension's.
enum class FrameType : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation,
  kOther,
};

inline FrameType frame_type_of(std::uint8_t number) {
  return number < static_cast<std::uint8_t>(FrameType::kOther) ? static_cast<FrameType>(number)
                                                               : FrameType::kOther;
}

}  // namespace apisix::h2
