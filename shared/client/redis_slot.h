// Hash slots of a redis cluster: which of the 16384 a key belongs to (the cluster specification: CRC16/XMODEM
// of the key, or of what is between its first '{' and the next '}').
#pragma once

#include <cstdint>
#include <string_view>

namespace apisix::client {

inline constexpr std::size_t kSlots = 16384;

std::uint16_t slot_of(std::string_view key);

}  // namespace apisix::client
