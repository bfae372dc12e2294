// HeldText: a body that is buffered in one piece. It grows by realloc(), which moves pages and not bytes once
// the text is large: a body of 64 MiB is buffered without a copy that would block the loop.
#pragma once

#include <cstddef>
#include <string_view>

namespace apisix::plugin {

class HeldText {
 public:
  HeldText() = default;
  ~HeldText() { clear(); }
  HeldText(const HeldText&) = delete;
  HeldText& operator=(const HeldText&) = delete;

  std::string_view view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  void append(std::string_view bytes);
  // Gives the memory back.
  void clear();

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace apisix::plugin
