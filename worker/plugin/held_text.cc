#include "worker/plugin/held_text.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "shared/base/check.h"

namespace apisix::plugin {
namespace {

constexpr std::size_t kLeastBytes = 4096;

}  // namespace

void HeldText::append(std::string_view bytes) {
  if (bytes.empty()) return;
  if (bytes.size() > capacity_ - size_) {
    const std::size_t wanted = std::max({kLeastBytes, size_ + bytes.size(), capacity_ + capacity_ / 2});
    auto* grown = static_cast<char*>(std::realloc(data_, wanted));
    CHECK(grown != nullptr);
    data_ = grown;
    capacity_ = wanted;
  }
  std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void HeldText::clear() {
  std::free(data_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace apisix::plugin
