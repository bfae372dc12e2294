#include "shared/http/h2/frame_heads.h"

#include <algorithm>
#include <cstring>

namespace apisix::h2 {

FrameHeads::Step FrameHeads::next(std::string_view bytes) {
  Step step;
  while (step.bytes < bytes.size()) {
    const std::size_t left = bytes.size() - step.bytes;
    if (skip_ > 0) {
      const auto part = static_cast<std::uint32_t>(std::min<std::size_t>(skip_, left));
      skip_ -= part;
      step.bytes += part;
      continue;
    }
    const auto part = static_cast<std::uint8_t>(std::min<std::size_t>(wanted_ - filled_, left));
    std::memcpy(&head_[filled_], &bytes[step.bytes], part);
    filled_ += part;
    step.bytes += part;
    if (filled_ < wanted_) break;
    stop(step);
    if (step.is_stop) break;
  }
  return step;
}

// A head is complete.
void FrameHeads::stop(Step& step) {
  step.payload_bytes = number_at(0) >> 8;
  step.type = frame_type_of(head_[3]);
  if (step.type == FrameType::kPriority && step.payload_bytes >= kDependencyBytes && wanted_ == kHeadBytes) {
    wanted_ = kHeadBytes + kDependencyBytes;
    return;
  }
  step.id = static_cast<StreamId>(number_at(5) & 0x7fffffff);
  if (wanted_ > kHeadBytes) step.depends_on = static_cast<StreamId>(number_at(kHeadBytes) & 0x7fffffff);
  step.is_stop = step.type == FrameType::kData || step.type == FrameType::kPriority;
  skip_ = step.payload_bytes - (wanted_ - static_cast<std::uint32_t>(kHeadBytes));
  filled_ = 0;
  wanted_ = kHeadBytes;
}

std::uint32_t FrameHeads::number_at(std::size_t at) const {
  return std::uint32_t{head_[at]} << 24 | std::uint32_t{head_[at + 1]} << 16 |
         std::uint32_t{head_[at + 2]} << 8 | head_[at + 3];
}

}  // namespace apisix::h2
