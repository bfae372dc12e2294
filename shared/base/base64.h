// Base64 (RFC 4648, section 4), read as forgivingly as nginx reads it, so that what APISIX stored or accepted
// is accepted here too. Not constant in time: compare secrets after decoding, with equals_in_constant_time().
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace apisix::base {

// With padding.
std::string encode_base64(std::string_view bytes);

// Everything from the first '=' on is ignored, padding may be missing. Nothing when a character is none of
// the 64, or when one is left over.
std::optional<std::string> decode_base64(std::string_view text);

// The same with '-' and '_' for '+' and '/' (RFC 4648, section 5), as in JSON Web Tokens; written without
// padding.
std::string encode_base64url(std::string_view bytes);
std::optional<std::string> decode_base64url(std::string_view text);

// For a buffer that the caller owns: `out` has room for decoded_size_max(text.size()) bytes. The number of
// bytes written.
constexpr std::size_t decoded_size_max(std::size_t text_bytes) {
  return text_bytes / 4 * 3 + 3;
}
std::optional<std::size_t> decode_base64_to(std::string_view text, char* out);

}  // namespace apisix::base
