// Scanning primitives of the HTTP/1 codec: 16 bytes per step, written with the compiler's portable vectors.
// No load leaves [begin, end).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

}  // namespace apisix::http::scan
