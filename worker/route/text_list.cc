#include "worker/route/text_list.h"

#include <algorithm>
#include <cstring>

namespace apisix::route {

void TextList::push_back(std::string_view added) {
  const std::uint32_t old_count = block_ == nullptr ? 0 : count();
  const std::uint32_t old_text = old_count == 0 ? 0 : end_of(old_count - 1);
  const std::size_t words = (bytes(old_count + 1, old_text + added.size()) + 3) / 4;
  auto fresh = std::make_unique<std::uint32_t[]>(words);
  fresh[0] = old_count + 1;
  char* characters = reinterpret_cast<char*>(fresh.get() + old_count + 2);
  if (old_count != 0) {
    std::memcpy(fresh.get() + 1, block_.get() + 1, old_count * sizeof(std::uint32_t));
    std::memcpy(characters, text(), old_text);
  }
  fresh[old_count + 1] = old_text + static_cast<std::uint32_t>(added.size());
  added.copy(characters + old_text, added.size());
  block_ = std::move(fresh);
}

bool TextList::contains(std::string_view text) const {
  return std::ranges::find(*this, text) != end();
}

}  // namespace apisix::route
