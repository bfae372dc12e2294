// The request line of any request, for $request and for logs. HTTP/2 and HTTP/3 have none on the wire.
#pragma once

#include <string_view>

#include "shared/base/arena.h"
#include "shared/http/message.h"

namespace apisix::http {

// As it was received, else as HTTP/1 would write it: "GET /a?b HTTP/2.0"; then it is kept in the head. "" for
// a head that was never read, which has no method.
std::string_view request_line(RequestHead& head, base::Arena& arena);

}  // namespace apisix::http
