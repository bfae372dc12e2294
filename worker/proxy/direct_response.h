// Responses of the gateway's own: JSON messages as APISIX words them, and the error pages of failures below
// the pipeline.
#pragma once

#include <cstdint>

#include "shared/base/arena.h"
#include "worker/plugin/request_state.h"

namespace apisix::proxy {

// {"error_msg":"404 Route Not Found"}
plugin::DirectResponse route_not_found();
// The HTML page that clients of APISIX know, for any status from 400 on.
plugin::DirectResponse make_error_page(std::uint16_t status, base::Arena& arena);
// The same with nginx's title and second line for what went wrong with the connection.
plugin::DirectResponse make_error_page(std::uint16_t status, std::string_view what, base::Arena& arena);

}  // namespace apisix::proxy
