// ArenaText: text that grows at its end, in an arena that cannot give single pieces back. The room doubles,
// so that a text that arrives byte by byte costs at most four times its size and not its square.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "shared/base/arena.h"

namespace apisix::base {

class ArenaText {
 public:
  void append(Arena& arena, std::string_view text) {
    if (text.empty()) return;
    if (size_ + text.size() > room_) grow(arena, size_ + text.size());
    std::memcpy(begin_ + size_, text.data(), text.size());
    size_ += text.size();
  }
  std::string_view view() const { return {begin_, size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }

 private:
  void grow(Arena& arena, std::size_t wanted) {
    room_ = std::max(wanted, 2 * room_);
    char* larger = arena.text(room_);
    if (size_ > 0) std::memcpy(larger, begin_, size_);
    begin_ = larger;
  }

  char* begin_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace apisix::base
