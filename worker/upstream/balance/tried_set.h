// TriedSet: the nodes that one request has tried, by their index in the cluster. Trivially destructible, so
// that it may live in the request's arena. Its size is the bound on tries of one request.
#pragma once

#include <array>
#include <cstdint>

namespace apisix::upstream {

class TriedSet {
 public:
  static constexpr std::size_t kTriesMax = 63;

  // A mark past kTriesMax is dropped: check is_full() before another try.
  void mark(std::uint32_t index) {
    if (is_full() || contains(index)) return;
    indexes_[count_++] = static_cast<std::uint16_t>(index);
  }
  bool contains(std::uint32_t index) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (indexes_[i] == index) return true;
    }
    return false;
  }
  bool is_full() const { return count_ == kTriesMax; }
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  const std::uint16_t* begin() const { return indexes_.data(); }
  const std::uint16_t* end() const { return indexes_.data() + count_; }

 private:
  std::uint16_t count_ = 0;
  std::array<std::uint16_t, kTriesMax> indexes_;
};

}  // namespace apisix::upstream
