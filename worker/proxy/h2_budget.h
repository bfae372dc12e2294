// H2Budget: how much of what costs a worker, and carries nothing, one HTTP/2 client may send. Each kind has
// an allowance that fills again with time. A member of its H2Session, which ends the connection when one is
// spent (ENHANCE_YOUR_CALM). And which streams it may not know to have ended.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "worker/limits.h"

namespace apisix::proxy {

// Fills to `most`, `per_second` at a time.
class Allowance {
 public:
  constexpr Allowance(std::uint32_t most, std::uint32_t per_second)
      : most_(most), per_second_(per_second), left_(most) {}

  // False: it is spent.
  bool take(std::uint64_t now_ms) {
    if (left_ == 0) refill(now_ms);
    if (left_ == 0) return false;
    if (left_ == most_) since_ms_ = now_ms;  // it was full until now
    --left_;
    return true;
  }
  void add(std::uint32_t count) { left_ = std::min(left_ + count, most_); }
  std::uint32_t left() const { return left_; }

 private:
  void refill(std::uint64_t now_ms) {
    const std::uint64_t earned = (now_ms - since_ms_) * per_second_ / 1000;
    if (earned == 0) return;
    since_ms_ = now_ms;
    left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(earned, most_));
  }

  std::uint32_t most_;
  std::uint32_t per_second_;
  std::uint32_t left_;
  std::uint64_t since_ms_ = 0;  // when it was last full, or was filled
};

// The last streams that we ended before the client had: what it sent meanwhile is no error (RFC 9113 5.1).
// Most connections have none.
class EndedStreams {
 public:
  void add(std::int32_t id) {
    if (ids_ == nullptr) ids_ = std::make_unique<Ids>();
    (*ids_)[next_++ % ids_->size()] = id;
  }
  bool has(std::int32_t id) const { return ids_ != nullptr && std::ranges::find(*ids_, id) != ids_->end(); }

 private:
  using Ids = std::array<std::int32_t, limits::kH2StreamsMax>;
  std::unique_ptr<Ids> ids_;
  std::uint32_t next_ = 0;
};

struct H2Budget {
  Allowance resets{limits::kH2ResetsMax, limits::kH2ResetsPerSecond};
  Allowance frames{limits::kH2FramesMax, limits::kH2FramesPerSecond};
  EndedStreams ended;
};

}  // namespace apisix::proxy
