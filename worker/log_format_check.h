// What the master asks about nginx_config.http.access_log_format, whose variables only the workers' rooms
// know.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace apisix::worker {

// The first name of `format` that is no variable; nothing when all of them are.
std::optional<std::string> find_unknown_log_variable(std::string_view format);

}  // namespace apisix::worker
