// Where Lua runs. Which of OpenResty's phases it is for ngx.get_phase() and for what is disabled there;
// APISIX runs rewrite, access and before_proxy hooks of plugins inside access_by_lua.
#pragma once

#include <cstdint>
#include <string_view>

namespace apisix::lua {

enum class Phase : std::uint8_t {
  kInit,        // loading modules; plugin.init()
  kInitWorker,  // init_worker
  kRewrite,     // rewrite_by_lua: nothing of APISIX's, kept for names
  kAccess,      // rewrite, access and before_proxy hooks; scripts
  kContent,     // content_by_lua: APIs of plugins
  kBalancer,    // serverless functions of the phase "balancer"
  kHeaderFilter,
  kBodyFilter,
  kLog,
  kTimer,
  kPreread,  // TCP and UDP routes
};

// What ngx.get_phase() says: "access".
std::string_view name_of(Phase phase);
// In OpenResty's errors: "access_by_lua*".
std::string_view context_of(Phase phase);

inline constexpr std::uint32_t bit(Phase phase) {
  return 1u << static_cast<unsigned>(phase);
}

// Where a coroutine may wait (sockets, sleep, reading a body).
inline constexpr std::uint32_t kWaitingPhases = bit(Phase::kRewrite) | bit(Phase::kAccess) |
                                                bit(Phase::kContent) | bit(Phase::kTimer) |
                                                bit(Phase::kPreread);
// Where there is a request.
inline constexpr std::uint32_t kRequestPhases =
    bit(Phase::kRewrite) | bit(Phase::kAccess) | bit(Phase::kContent) | bit(Phase::kBalancer) |
    bit(Phase::kHeaderFilter) | bit(Phase::kBodyFilter) | bit(Phase::kLog);

}  // namespace apisix::lua
