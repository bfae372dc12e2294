// CRC-32 (IEEE 802.3, reflected), as nginx and zlib compute it: crc32("123456789") = 0xcbf43926.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace apisix::base {

inline constexpr auto kCrc32Table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0u);
    table[i] = value;
  }
  return table;
}();

// Continues from `crc`, the result for the bytes before (0 = none): crc32(b, crc32(a)) == crc32(a + b).
constexpr std::uint32_t crc32(std::string_view bytes, std::uint32_t crc = 0) {
  crc = ~crc;
  for (const char byte : bytes)
    crc = kCrc32Table[(crc ^ static_cast<unsigned char>(byte)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace apisix::base
