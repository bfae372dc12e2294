// The two versions: of APISIX that we are compatible with (what scripts and the Server header see), and our
// own.
#pragma once

#include <string_view>

namespace apisix::base {

inline constexpr std::string_view kCompatibleVersion = "3.18.0";
// "0.1.0", of the build.
std::string_view own_version();

}  // namespace apisix::base
