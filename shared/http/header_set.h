// HeaderSet: a set of known headers, one bit each. kUnknown is a member like the others. Asked for a constant
// it costs one bit test of a word that is known at compile time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "shared/http/known_header.h"

namespace apisix::http {

class HeaderSet {
 public:
  static constexpr std::size_t kSize = 128;
  static_assert(kKnownHeaders <= kSize);

  constexpr HeaderSet() = default;
  constexpr HeaderSet(std::initializer_list<KnownHeader> ids) {
    for (const KnownHeader id : ids) add(id);
  }
  bool operator==(const HeaderSet&) const = default;

  constexpr bool has(KnownHeader id) const { return (words_[word(id)] & bit(id)) != 0; }
  constexpr bool has_any_of(const HeaderSet& other) const {
    return ((words_[0] & other.words_[0]) | (words_[1] & other.words_[1])) != 0;
  }
  constexpr bool empty() const { return (words_[0] | words_[1]) == 0; }

  constexpr void add(KnownHeader id) { words_[word(id)] |= bit(id); }
  // Adds what `other` has, without a branch.
  constexpr void add_if_in(const HeaderSet& other, KnownHeader id) {
    words_[word(id)] |= other.words_[word(id)] & bit(id);
  }

 private:
  static constexpr std::size_t word(KnownHeader id) { return static_cast<std::size_t>(id) / 64; }
  static constexpr std::uint64_t bit(KnownHeader id) {
    return std::uint64_t{1} << (static_cast<unsigned>(id) % 64);
  }

  std::array<std::uint64_t, kSize / 64> words_{};
};

}  // namespace apisix::http
