// gRPC's framing of messages in a body (gRPC over HTTP/2, "Length-Prefixed-Message"): one byte of flags, four
// of length, the message. GrpcFrameReader takes a body apart as it comes, wherever its pieces are cut, and
// keeps nothing of it but the five bytes.
//
//   kHead -> kPiece ... -> kEnd -> kHead ...       kMore: all that came is taken
//         `-> kTooLong
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

inline constexpr std::size_t kGrpcHeadBytes = 5;
// Of gRPC-Web: the frame holds the trailers, as text.
inline constexpr std::uint8_t kGrpcTrailers = 0x80;

std::array<char, kGrpcHeadBytes> grpc_frame_head(std::uint8_t flags, std::uint32_t size);

class GrpcFrameReader {
 public:
  enum class Event : std::uint8_t {
    kMore,     // the rest comes with more bytes
    kHead,     // a message begins: flags(), size()
    kPiece,    // bytes of it, in `piece`
    kEnd,      // it is whole
    kTooLong,  // it is longer than message_bytes_max; nothing can be read behind that
  };

  explicit GrpcFrameReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // Takes what it reads from the front of `data`; `piece` is a view of it.
  Event next(std::string_view& data, std::string_view& piece);

  // Of the message that was begun last.
  std::uint8_t flags() const { return static_cast<std::uint8_t>(head_[0]); }
  std::uint32_t size() const { return size_; }
  // No message is begun and not whole: a body may end here.
  bool is_between() const { return state_ == State::kHead && head_bytes_ == 0; }

 private:
  enum class State : std::uint8_t { kHead, kMessage, kTooLong };

  const std::size_t message_bytes_max_;
  std::array<char, kGrpcHeadBytes> head_ = {};
  std::size_t head_bytes_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t rest_ = 0;
  State state_ = State::kHead;
};

}  // namespace apisix::http
