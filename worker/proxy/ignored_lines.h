// What is said in error.log of field lines that were left out of a head, as nginx says it.
#pragma once

#include <string_view>

#include "shared/http/message.h"
#include "worker/plugin/request_state.h"

namespace apisix::proxy {

// `sender`: "client" or "upstream".
void log_ignored_lines(plugin::RequestState& request, const http::IgnoredLine* lines,
                       std::string_view sender);

}  // namespace apisix::proxy
