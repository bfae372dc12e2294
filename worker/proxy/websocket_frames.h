// FrameTracker: where one direction of a WebSocket stands (RFC 6455 section 5.2): between two frames or
// inside one, so that a goodbye of ours can be put where the receiver expects a frame. It looks at headers
// only and checks nothing: the peers do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::proxy {

class FrameTracker {
 public:
  // All bytes of the direction, in order.
  void feed(std::string_view bytes);
  // The same up to the end of the frame that has begun; returns how many bytes that were.
  std::size_t feed_rest_of_frame(std::string_view bytes);
  bool is_between_frames() const { return header_bytes_ == 0 && payload_left_ == 0; }
  // A close frame is the last one of its direction (RFC 6455 5.5.1).
  bool is_closed() const { return is_between_frames() && opcode_ == kClose; }

 private:
  static constexpr std::uint8_t kClose = 8;

  std::size_t take(std::string_view bytes);
  std::size_t header_bytes_wanted() const;
  std::uint64_t payload_bytes() const;

  std::array<std::uint8_t, 10>
      header_{};  // as far as the length goes; a mask behind it is counted as payload
  std::uint64_t payload_left_ = 0;
  std::uint8_t header_bytes_ = 0;
  std::uint8_t opcode_ = 0;  // of the frame that is read, or was the last one
};

// Close frames with status 1001, "going away". What a client sends must be masked; our mask is zero.
inline constexpr std::string_view kGoingAwayToClient{"\x88\x02\x03\xe9", 4};
inline constexpr std::string_view kGoingAwayToServer{"\x88\x82\0\0\0\0\x03\xe9", 8};

}  // namespace apisix::proxy
