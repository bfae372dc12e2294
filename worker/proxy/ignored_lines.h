// What is said in error.log of field lines that were left out of a head, as nginx says it.
#pragma once

#include <string_view>

#include "shared/http/message.h"
#include "worker/plugin/request.h"

namespace apisix::proxy {

// `sender`: "client" or "upstream".
void log_ignored_lines(plugin::Request& request, const http::IgnoredLine* lines, std::string_view sender);

}  // namespace apisix::proxy
