// Scanning primitives of the HTTP/1 codec: 16 bytes per step, written with the compiler's portable vectors.
// No load leaves [begin, end).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace apisix::http::scan {

using Bytes = unsigned char __attribute__((ext_vector_type(16)));
using Mask = std::uint16_t;  // bit i: byte i matched

inline Bytes load(const char* at) {
  Bytes bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

// `matched` is 0xff or 0 in each byte: the result of a comparison.
template <typename Vector>
Mask mask_of(Vector matched) {
  using Bits = bool __attribute__((ext_vector_type(16)));
  return std::bit_cast<Mask>(__builtin_convertvector(matched, Bits));
}

// Control characters except a tab: everything that may not be in a line.
struct Control {
  Mask operator()(Bytes b) const { return mask_of(((b < 0x20) & (b != '\t')) | (b == 0x7f)); }
  bool operator()(unsigned char c) const { return (c < 0x20 && c != '\t') || c == 0x7f; }
};
// The end of a field name, good or bad. A tab may stand in front of the colon of a response.
struct NameEnd {
  Mask operator()(Bytes b) const { return mask_of(((b < 0x20) & (b != '\t')) | (b == ':')); }
  bool operator()(unsigned char c) const { return (c < 0x20 && c != '\t') || c == ':'; }
};
// What ends a path in a request line: the query, the space, and what may not be there.
struct PathEnd {
  Mask operator()(Bytes b) const { return mask_of((b <= 0x20) | (b == '?') | (b == '#') | (b == 0x7f)); }
  bool operator()(unsigned char c) const { return c <= 0x20 || c == '?' || c == '#' || c == 0x7f; }
};
struct QueryEnd {
  Mask operator()(Bytes b) const { return mask_of((b <= 0x20) | (b == '#') | (b == 0x7f)); }
  bool operator()(unsigned char c) const { return c <= 0x20 || c == '#' || c == 0x7f; }
};

// What normalising a path would change (uri.h): an escape, and a slash or a dot behind a slash. The blocks of
// one path, in their order.
class OddInPath {
 public:
  unsigned operator()(Bytes b) {
    const unsigned slashes = mask_of(b == '/');
    const unsigned dots = mask_of((b | 1) == '/');  // slashes as well
    const unsigned odd = mask_of(b == '%') | (dots & (slashes << 1 | slash_before_));
    slash_before_ = slashes >> 15;
    return odd;
  }

 private:
  unsigned slash_before_ = 0;
};

// The first match in [at, end), or end. Bytes from `begin` on may be read: with 16 of them in front of
// `end` the tail needs no loop of its own.
template <typename Match>
inline const char* find_first(const char* begin, const char* at, const char* end, Match match) {
  while (end - at >= 16) {
    const Mask mask = match(load(at));
    if (mask != 0) return at + std::countr_zero(mask);
    at += 16;
  }
  if (end - begin >= 16) {
    const auto seen = static_cast<unsigned>(16 - (end - at));
    const unsigned mask = static_cast<unsigned>(match(load(end - 16))) >> seen;
    return mask != 0 ? at + std::countr_zero(mask) : end;
  }
  while (at != end && !match(static_cast<unsigned char>(*at))) ++at;
  return at;
}

// Whether any byte matches. A short text is repeated until it fills a vector, so that it takes one match and
// no loop: the same byte may be looked at twice.
template <typename Match>
inline bool has_any(std::string_view text, Match match) {
  const char* const at = text.data();
  const std::size_t bytes = text.size();
  if (bytes >= 16) return find_first(at, at, at + bytes, match) != at + bytes;
  using Halves = std::uint64_t __attribute__((ext_vector_type(2)));
  const auto word_at = [at]<typename Word>(std::size_t offset, Word word) {
    std::memcpy(&word, at + offset, sizeof word);
    return std::uint64_t{word};
  };
  Halves repeated;
  if (bytes >= 8) {
    repeated = {word_at(0, std::uint64_t{}), word_at(bytes - 8, std::uint64_t{})};
  } else if (bytes >= 4) {
    repeated = word_at(0, std::uint32_t{}) | word_at(bytes - 4, std::uint32_t{}) << 32;
  } else if (bytes != 0) {
    const std::uint64_t ends = word_at(0, std::uint8_t{}) | word_at(bytes - 1, std::uint8_t{}) << 8;
    repeated =
        (ends | word_at(bytes / 2, std::uint8_t{}) << 16 | word_at(0, std::uint8_t{}) << 24) * 0x1'0000'0001;
  } else {
    return false;
  }
  return match(std::bit_cast<Bytes>(repeated)) != 0;
}

}  // namespace apisix::http::scan
