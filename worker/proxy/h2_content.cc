#include "worker/proxy/h2_content.h"

#include <algorithm>
#include <utility>

namespace apisix::proxy {

// --- H2Input

void H2Input::add(std::string_view bytes) {
  bytes_ += bytes.size();
  if (fresh_count_ < kFreshMax) {
    fresh_[fresh_count_++] = bytes;
    return;
  }
  keep();
  kept_.append(bytes);
}

void H2Input::keep() {
  for (std::size_t i = 0; i < fresh_count_; ++i) kept_.append(fresh_[i]);
  fresh_count_ = 0;
}

void H2Input::take(Pieces& content) {
  taken_ = std::exchange(kept_, {});
  content.add(std::string_view(taken_).substr(std::exchange(kept_at_, 0)));
  for (std::size_t i = 0; i < fresh_count_; ++i) content.add(fresh_[i]);
  fresh_count_ = 0;
  bytes_ = 0;
}

void H2Input::drop() {
  kept_ = {};
  kept_at_ = bytes_ = 0;
  fresh_count_ = 0;
}

void H2Input::consume(std::size_t bytes) {
  bytes_ -= bytes;
  kept_at_ += bytes;
  if (kept_at_ < kept_.size()) return;
  kept_.clear();
  kept_at_ = 0;
}

// --- H2Output

void H2Output::begin(const Content& content) {
  sent_bytes_ = 0;
  ends_ = content.end;
  trailers_ = content.trailers;
  if (is_direct()) sending_ = &content;
}

std::size_t H2Output::keep_rest(const Content& content) {
  sending_ = nullptr;
  const std::size_t rest = content.bytes - sent_bytes_;
  if (rest > 0) unsent_.append_rest(content.pieces, sent_bytes_);
  return rest;
}

std::size_t H2Output::take(std::size_t bytes, h2::FrameOutput& output) {
  std::size_t waited = 0;
  while (waited < bytes && !unsent_.empty()) {
    iovec front;
    unsent_.front({&front, 1});
    const std::size_t part = std::min(bytes - waited, front.iov_len);
    output.add_copy({static_cast<const char*>(front.iov_base), part});
    unsent_.consume(part);
    waited += part;
  }
  if (waited < bytes) take_direct(bytes - waited, output);
  return waited;
}

void H2Output::take_direct(std::size_t bytes, h2::FrameOutput& output) {
  std::size_t skip = sent_bytes_;
  sent_bytes_ += bytes;
  for (const iovec& piece : sending_->pieces) {
    if (skip >= piece.iov_len) {
      skip -= piece.iov_len;
      continue;
    }
    const std::size_t part = std::min(bytes, piece.iov_len - skip);
    output.add({static_cast<const char*>(piece.iov_base) + skip, part});
    skip = 0;
    bytes -= part;
    if (bytes == 0) return;
  }
}

std::size_t H2Output::clear() {
  const std::size_t waited = unsent_.bytes();
  unsent_.clear();
  return waited;
}

}  // namespace apisix::proxy
