#include "worker/proxy/websocket_frames.h"

#include <algorithm>

namespace apisix::proxy {
namespace {

constexpr std::uint8_t kOpcodeBits = 0x0f;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLengthBits = 0x7f;
constexpr std::uint8_t kLengthIn2Bytes = 126;
constexpr std::uint8_t kLengthIn8Bytes = 127;
constexpr std::uint64_t kMaskBytes = 4;

}  // namespace

void FrameTracker::feed(std::string_view bytes) {
  while (!bytes.empty()) bytes.remove_prefix(take(bytes));
}

std::size_t FrameTracker::feed_rest_of_frame(std::string_view bytes) {
  std::size_t fed = 0;
  while (fed < bytes.size() && !is_between_frames()) fed += take(bytes.substr(fed));
  return fed;
}

// One byte of a header, or as much of the payload as is there.
std::size_t FrameTracker::take(std::string_view bytes) {
  if (payload_left_ > 0) {
    const std::uint64_t taken = std::min<std::uint64_t>(payload_left_, bytes.size());
    payload_left_ -= taken;
    return taken;
  }
  header_[header_bytes_++] = static_cast<std::uint8_t>(bytes.front());
  if (header_bytes_ < header_bytes_wanted()) return 1;
  opcode_ = header_[0] & kOpcodeBits;
  payload_left_ = payload_bytes();
  header_bytes_ = 0;
  return 1;
}

std::size_t FrameTracker::header_bytes_wanted() const {
  if (header_bytes_ < 2) return 2;
  const std::uint8_t length = header_[1] & kLengthBits;
  if (length == kLengthIn2Bytes) return 4;
  return length == kLengthIn8Bytes ? 10 : 2;
}

std::uint64_t FrameTracker::payload_bytes() const {
  const std::size_t end = header_bytes_wanted();
  std::uint64_t length = header_[1] & kLengthBits;
  if (end > 2) length = 0;
  for (std::size_t i = 2; i < end; ++i) length = length << 8 | header_[i];
  return length + ((header_[1] & kMaskBit) != 0 ? kMaskBytes : 0);
}

}  // namespace apisix::proxy
