// Every bound of what Lua may hold through the gateway's API, besides the memory of its own state.
#pragma once

#include <cstddef>

namespace apisix::lua {

// What one receive() of a cosocket may gather before its pattern is there ("*a", a line that does not end):
// an eighth of what the default limit allows the whole of Lua.
inline constexpr std::size_t kReceiveBytesMax = std::size_t{64} << 20;

// How deep a plugin's schema may be: its reader calls itself, and a table may hold itself.
inline constexpr int kSchemaDepthMax = 100;

// Changes of the store that a watch keeps for Lua; one that takes them no faster has to list again.
inline constexpr std::size_t kWatchedBatchesMax = 1'024;

// Leases, and waits for changes.
inline constexpr double kLeaseSecondsMax = 1e9;

}  // namespace apisix::lua
