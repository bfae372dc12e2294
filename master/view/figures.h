// Figures for the cells of a table: short, and of about the same width.
#pragma once

#include <cstdint>
#include <string>

namespace apisix::master {

// "5s", "13m", "2h13m", "3d4h"
std::string age_text(std::uint64_t seconds);
// "12,345,678"
std::string count_text(std::uint64_t count);
// Per second: "0", "0.5", "812", "12.3k", "4.5M"
std::string rate_text(double per_second);
// Of milliseconds: "0.42ms", "12ms", "1.5s"
std::string latency_text(double ms);
// "0%", "0.3%", "12%"
std::string share_text(double part, double whole);

}  // namespace apisix::master
