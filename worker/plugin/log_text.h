// Text of clients and upstreams in log lines, written so that it can neither end its quotes nor its line:
// \xHH for quotes, backslashes, control characters and bytes from 0x7f, as nginx's log_format writes it.
#pragma once

#include <string>
#include <string_view>

namespace apisix::plugin {

void append_escaped(std::string& out, std::string_view text);

}  // namespace apisix::plugin
