// FrameOutput: frames on their way into one write. Heads and small payloads are copied into its block, large
// payloads are views of bytes that lie elsewhere, so they have to be written before those change. Made when
// there is something to write, and deleted when it was written: a connection without output has none.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include <sys/uio.h>

#include "shared/base/recycled.h"
#include "shared/net/socket.h"

namespace apisix::h2 {

class FrameOutput final : public base::Recycled<FrameOutput> {
 public:
  // Any frame of a peer's least SETTINGS_MAX_FRAME_SIZE fits into an empty one, and many small ones.
  static constexpr std::size_t kBlockBytes = 32 * 1024;
  // A piece up to this is cheaper to copy than to write for its own.
  static constexpr std::size_t kCopiedBytesMax = 2048;

  FrameOutput() {}  // NOLINT(modernize-use-equals-default): = default would zero the block
  FrameOutput(const FrameOutput&) = delete;
  FrameOutput& operator=(const FrameOutput&) = delete;

  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }
  // There are bytes in it that are not its own: to be written now.
  bool has_views() const { return has_views_; }
  std::span<const iovec> pieces() const { return {pieces_.data(), count_}; }
  // Another frame of `bytes` in so many pieces would fit.
  bool has_room(std::size_t bytes, std::size_t pieces) const {
    return used_ + bytes <= kBlockBytes && count_ + pieces < pieces_.size();
  }

  // has_room() for it.
  void add_copy(std::string_view bytes) {
    char* const at = block_.data() + used_;
    std::memcpy(at, bytes.data(), bytes.size());
    used_ += bytes.size();
    bytes_ += bytes.size();
    if (continues_) {
      pieces_[count_ - 1].iov_len += bytes.size();
    } else {
      pieces_[count_++] = {at, bytes.size()};
      continues_ = true;
    }
  }
  // By its size a copy or a view.
  void add(std::string_view bytes) {
    if (bytes.empty()) return;
    if (bytes.size() <= kCopiedBytesMax) return add_copy(bytes);
    pieces_[count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
    bytes_ += bytes.size();
    continues_ = false;
    has_views_ = true;
  }
  void clear() {
    used_ = bytes_ = count_ = 0;
    continues_ = has_views_ = false;
  }

 private:
  std::size_t used_ = 0;   // of the block
  std::size_t bytes_ = 0;  // of all pieces
  std::size_t count_ = 0;
  bool continues_ = false;  // the last piece is in the block, and what is copied joins it
  bool has_views_ = false;
  std::array<iovec, net::kPiecesMax> pieces_;
  std::array<char, kBlockBytes> block_;
};

}  // namespace apisix::h2
