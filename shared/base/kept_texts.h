// KeptTexts: texts that are joined from pieces, each made once per arena. Reading a joined header field in 20
// conditions must not make it 20 times: the pieces are compared with what was joined before, and only a text
// that is new is allocated, in one piece of its exact size. So no cached text can be out of date.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "shared/base/arena.h"

namespace apisix::base {

class KeptTexts {
 public:
  // `for_each(add)` calls add(piece) for every piece, in order, the same ones each time it is called.
  template <typename ForEach>
  std::string_view join(Arena& arena, ForEach&& for_each) {
    std::size_t size = 0;
    for_each([&size](std::string_view piece) { size += piece.size(); });
    for (const Kept* kept = first_; kept != nullptr; kept = kept->next) {
      if (kept->text.size() == size && is_same(kept->text, for_each)) return kept->text;
    }
    char* out = arena.text(size);
    char* at = out;
    for_each([&at](std::string_view piece) {
      if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
      at += piece.size();
    });
    first_ = arena.make<Kept>(std::string_view(out, size), first_);
    return first_->text;
  }

 private:
  struct Kept {
    std::string_view text;
    const Kept* next = nullptr;
  };

  template <typename ForEach>
  static bool is_same(std::string_view text, ForEach& for_each) {
    bool same = true;
    for_each([&](std::string_view piece) {
      same = same && text.starts_with(piece);
      if (same) text.remove_prefix(piece.size());
    });
    return same;
  }

  const Kept* first_ = nullptr;
};

}  // namespace apisix::base
