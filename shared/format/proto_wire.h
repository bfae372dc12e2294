// The wire form of Protocol Buffers: varints, little-endian numbers, zigzag. Readers take what they read off
// the front of `bytes`, and take nothing when it is not whole.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "shared/format/proto_schema.h"

namespace apisix::format {

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

template <typename Number>
void append_fixed(std::string& out, Number value) {
  static_assert(std::is_unsigned_v<Number> && std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void append_tag(std::string& out, std::uint32_t number, ProtoWire wire) {
  append_varint(out, (std::uint64_t{number} << 3) | static_cast<std::uint64_t>(wire));
}

// At most ten bytes; bits beyond the 64th are dropped, as by Protocol Buffers' own readers.
inline std::optional<std::uint64_t> read_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10 && i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

template <typename Number>
std::optional<Number> read_fixed(std::string_view& bytes) {
  if (bytes.size() < sizeof(Number)) return std::nullopt;
  Number value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

// Behind a length.
inline std::optional<std::string_view> read_bytes(std::string_view& bytes) {
  std::string_view rest = bytes;
  const auto size = read_varint(rest);
  if (!size || *size > rest.size()) return std::nullopt;
  const std::string_view read = rest.substr(0, *size);
  bytes = rest.substr(*size);
  return read;
}

inline std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
inline std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

}  // namespace apisix::format
