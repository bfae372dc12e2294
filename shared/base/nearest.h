// "Did you mean": the candidate that a mistyped name most likely stands for. For error texts only.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace apisix::base {

// The candidate within a third of `name`'s length in typing mistakes (a letter added, lost, changed, or two
// swapped; case and - against _ are free), the closest first, then the earliest; empty when none is near.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace apisix::base
