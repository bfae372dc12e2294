#include "shared/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace apisix::base {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080;

// How many bytes at the front are ASCII.
std::size_t ascii_size(std::string_view text) {
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// RFC 3629 4: what may follow a first byte. `size` 0: no first byte.
struct Lead {
  std::size_t size = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};  // else overlong
  if (byte == 0xED) return {3, 0x80, 0x9F};  // else a surrogate
  if (byte >= 0xE1 && byte <= 0xEF) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};  // else overlong
  if (byte >= 0xF1 && byte <= 0xF3) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};  // else beyond U+10FFFF
  return {};
}

}  // namespace

Utf8Piece utf8_piece(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {1, true};
  const Lead lead = lead_of(first);
  if (lead.size == 0) return {1, false};
  for (std::size_t i = 1; i < lead.size; ++i) {
    const unsigned char next = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    const bool fits = i == 1 ? next >= lead.second_min && next <= lead.second_max : (next & 0xC0) == 0x80;
    if (!fits) return {i, false};
  }
  return {lead.size, true};
}

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    at += ascii_size(text.substr(at));
    if (at == text.size()) return std::string_view::npos;
    const Utf8Piece piece = utf8_piece(text.substr(at));
    if (!piece.is_valid) return at;
    at += piece.size;
  }
}

void append_utf8(std::string& out, std::string_view text) {
  for (std::size_t bad = find_invalid_utf8(text); bad != std::string_view::npos;
       bad = find_invalid_utf8(text)) {
    out.append(text.substr(0, bad)).append(kReplacement);
    text.remove_prefix(bad + utf8_piece(text.substr(bad)).size);
  }
  out.append(text);
}

}  // namespace apisix::base
