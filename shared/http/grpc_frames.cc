#include "shared/http/grpc_frames.h"

#include <algorithm>

namespace apisix::http {

std::array<char, kGrpcHeadBytes> grpc_frame_head(std::uint8_t flags, std::uint32_t size) {
  return {static_cast<char>(flags), static_cast<char>(size >> 24), static_cast<char>(size >> 16),
          static_cast<char>(size >> 8), static_cast<char>(size)};
}

GrpcFrameReader::Event GrpcFrameReader::next(std::string_view& data, std::string_view& piece) {
  piece = {};
  if (state_ == State::kTooLong) return Event::kTooLong;
  if (state_ == State::kHead) {
    const std::size_t taken = data.copy(head_.data() + head_bytes_, kGrpcHeadBytes - head_bytes_);
    data.remove_prefix(taken);
    head_bytes_ += taken;
    if (head_bytes_ < kGrpcHeadBytes) return Event::kMore;
    head_bytes_ = 0;
    size_ = 0;
    for (std::size_t i = 1; i < kGrpcHeadBytes; ++i)
      size_ = size_ << 8 | static_cast<unsigned char>(head_[i]);
    rest_ = size_;
    state_ = size_ > message_bytes_max_ ? State::kTooLong : State::kMessage;
    return state_ == State::kTooLong ? Event::kTooLong : Event::kHead;
  }
  if (rest_ == 0) {
    state_ = State::kHead;
    return Event::kEnd;
  }
  if (data.empty()) return Event::kMore;
  piece = data.substr(0, rest_);
  data.remove_prefix(piece.size());
  rest_ -= static_cast<std::uint32_t>(piece.size());
  return Event::kPiece;
}

}  // namespace apisix::http
