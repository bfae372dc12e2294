// Functions of nginx that libraries call through LuaJIT's FFI (resty.string, resty.openssl ...): exported
// from the executable by name (worker/lua/CMakeLists.txt), so that ffi.C finds them. The libraries declare
// them themselves.
#include <cstddef>
#include <cstdint>

#include "worker/lua/modules.h"

#define APISIX_EXPORTED __attribute__((visibility("default"), used))

extern "C" {

// Writes 2 * `bytes` hexadecimal digits, and returns their end.
APISIX_EXPORTED unsigned char* ngx_hex_dump(unsigned char* to, const unsigned char* from, std::size_t bytes);
// The number that `bytes` hexadecimal digits say; -1 for what is none, or too large.
APISIX_EXPORTED std::intptr_t ngx_hextoi(unsigned char* line, std::size_t bytes);
// A path escaped (NGX_ESCAPE_URI) into `to`, and its end. Null for `to`: how many bytes must be.
APISIX_EXPORTED std::uintptr_t ngx_escape_uri(unsigned char* to, unsigned char* from, std::size_t bytes,
                                              std::uintptr_t type);

unsigned char* ngx_hex_dump(unsigned char* to, const unsigned char* from, std::size_t bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = 0; i < bytes; ++i) {
    *to++ = static_cast<unsigned char>(kHex[from[i] >> 4]);
    *to++ = static_cast<unsigned char>(kHex[from[i] & 15]);
  }
  return to;
}

std::intptr_t ngx_hextoi(unsigned char* line, std::size_t bytes) {
  std::intptr_t value = 0;
  if (bytes == 0) return -1;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (value > INTPTR_MAX / 16) return -1;
    const int letter = (line[i] | 0x20) - 'a';
    if (line[i] >= '0' && line[i] <= '9') {
      value = value * 16 + (line[i] - '0');
    } else if (letter >= 0 && letter < 6) {
      value = value * 16 + letter + 10;
    } else {
      return -1;
    }
  }
  return value;
}

std::uintptr_t ngx_escape_uri(unsigned char* to, unsigned char* from, std::size_t bytes,
                              std::uintptr_t type) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  // NGX_ESCAPE_URI_COMPONENT is 2; all other types are taken for a path.
  const auto is_kept = [type](unsigned char c) {
    if (c <= ' ' || c >= 0x7f) return false;
    const std::string_view escaped = type == 2 ? "\"#$%&'()*+,/:;<=>?@[\\]^`{|}!" : "\"#%?<>\\^`{|}";
    return !escaped.contains(static_cast<char>(c));
  };
  std::uintptr_t count = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    const unsigned char c = from[i];
    const bool kept = is_kept(c);
    if (!kept) ++count;
    if (to == nullptr) continue;
    if (kept) {
      *to++ = c;
    } else {
      *to++ = '%';
      *to++ = static_cast<unsigned char>(kHex[c >> 4]);
      *to++ = static_cast<unsigned char>(kHex[c & 15]);
    }
  }
  return to == nullptr ? count : reinterpret_cast<std::uintptr_t>(to);
}

}  // extern "C"

namespace apisix::lua {

// Nothing to put into `ngx`: being named in the list of namespaces links this file.
void open_ffi_symbols(lua_State*) {}

}  // namespace apisix::lua
