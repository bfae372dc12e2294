// Texts that variables are made of: numbers, times, and the lists over all tries of an upstream.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/arena.h"
#include "worker/plugin/request_state.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

std::string_view decimal_text(base::Arena& arena, std::uint64_t number);
// Three digits at least: "000" when there is no status.
std::string_view status_text(base::Arena& arena, std::uint16_t status);
// Seconds with milliseconds, "0.012".
std::string_view milliseconds_text(base::Arena& arena, std::uint64_t microseconds);
// "21/Nov/2026:00:10:00 +0000" and "2026-11-21T00:10:00+00:00" in local time; valid for this second.
std::string_view time_local_text(std::int64_t unix_seconds);
std::string_view time_iso8601_text(std::int64_t unix_seconds);
// $upstream_addr and its kin: one value for each try, joined with ", "; "-" where a try did not get that far.
std::optional<std::string_view> attempts_text(RequestState& request, route::VariableKind kind);

// {"rate_limiting_key":"...", ...}
std::string_view rate_limiting_text(base::Arena& arena, const RateLimitingInfo& info);

}  // namespace apisix::plugin
