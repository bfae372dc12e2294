// UTF-8 (RFC 3629) at the edges of the gateway: what is JSON, a metric or a list must be UTF-8, and clients
// send any bytes. What comes from an administrator is refused; what comes from a client is replaced, so that
// one client's byte never spoils what others read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace apisix::base {

// U+FFFD, for what is no UTF-8.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Where the first byte stands that belongs to no character (overlong forms, surrogates and what is beyond
// U+10FFFF are none); npos when all of it is UTF-8. ASCII costs a word per eight bytes.
std::size_t find_invalid_utf8(std::string_view text);
inline bool is_utf8(std::string_view text) {
  return find_invalid_utf8(text) == std::string_view::npos;
}

// What stands at the front of `text`, which is not empty: a character, or the bytes that one U+FFFD stands
// for (as the WHATWG Encoding Standard replaces them).
struct Utf8Piece {
  std::size_t size = 1;
  bool is_valid = false;
};
Utf8Piece utf8_piece(std::string_view text);

// Appends `text` with U+FFFD for what is no UTF-8.
void append_utf8(std::string& out, std::string_view text);

}  // namespace apisix::base
