// nginx's forms of durations and sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace apisix::settings {

// "60s", "500ms", "1h30m", "1d"; a number without a unit is seconds, as in nginx. Units: y M w d h m s ms,
// in descending order. None when it is anything else or over 100 years.
std::optional<std::int64_t> parse_duration_ms(std::string_view text);

// "1m", "16k", "10G", "512"; k, m and g in either case, powers of 1024. None when it is anything else or does
// not fit 63 bits.
std::optional<std::int64_t> parse_size_bytes(std::string_view text);

}  // namespace apisix::settings
