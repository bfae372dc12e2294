// The health of nodes as an HTML page: one row for each node, those that get no traffic in red.
#pragma once

#include <string>

#include "shared/format/json.h"

namespace apisix::control {

// `checkers`: an array of what GET /v1/healthcheck/{kind}/{id} returns.
std::string health_page(const format::Json& checkers);

}  // namespace apisix::control
