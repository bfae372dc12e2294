// What the head of a node's response may be, in every protocol.
#pragma once

#include "shared/http/h1/response_parser.h"
#include "worker/limits.h"

namespace apisix::upstream {

inline constexpr http::ResponseLimits kResponseLimits{.header_count_max = limits::kResponseHeadersMax,
                                                      .head_bytes_max = limits::kResponseHeadBytesMax};

}  // namespace apisix::upstream
